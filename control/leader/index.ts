/** The leader's part of control. */
export { LeaderApp } from './app.ts';
export { readEarlier } from './earlier-views.ts';
export { secretsOf } from './keys.ts';
