/** The way to control. */
export { ControlClient } from './client.ts';
