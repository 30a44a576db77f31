/** The real supervisor, with workers that run the scripted app instead of Miroir's. */
import { fileURLToPath } from 'node:url';
import { runSupervisor } from '../../sidecar/process/run-supervisor.ts';

await runSupervisor(fileURLToPath(new URL('./scripted-worker.js', import.meta.url)));
