/** The leader's part of control. */
export { LeaderApp } from './app.ts';
export { secretsOf } from './keys.ts';
