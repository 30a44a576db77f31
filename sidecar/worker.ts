/** One worker of the sidecar, started by main.ts. */
import { startApp } from './app.ts';
import { runWorker } from './process/run-worker.ts';

await runWorker(startApp);
