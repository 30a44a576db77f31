/**
 * Ends the parts if the starter is killed without a chance to do it itself. A tiny shell process reads
 * the pids to watch from a pipe; when the pipe closes because the starter is gone, it ends what is left.
 * It ignores the signals of the terminal, so Ctrl-C does not take it away first.
 */
import { type ChildProcess, spawn } from 'node:child_process';

const SCRIPT = `
trap '' INT TERM HUP
pids=
while read -r verb pid; do
  case "$verb" in
    add) pids="$pids $pid" ;;
    drop) rest=; for p in $pids; do [ "$p" = "$pid" ] || rest="$rest $p"; done; pids="$rest" ;;
  esac
done
[ -z "$pids" ] && exit 0
kill -TERM $pids 2>/dev/null
tries=0
while [ "$tries" -lt 50 ]; do
  left=
  for p in $pids; do kill -0 "$p" 2>/dev/null && left="$left $p"; done
  [ -z "$left" ] && exit 0
  sleep 0.1
  tries=$((tries + 1))
done
kill -KILL $left 2>/dev/null
exit 0
`;

/** The running guard. */
export interface Guard {
  readonly pid: number | undefined;
  /** A process to be ended if the starter dies. */
  add(pid: number): void;
  /** A process that has ended. */
  drop(pid: number): void;
  /** Lets the guard end; what it still watches is ended too. */
  close(): Promise<void>;
}

/** Starts the guard. */
export function startGuard(): Guard {
  const child: ChildProcess = spawn('/bin/sh', ['-c', SCRIPT, 'miroir-guard'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => {
    child.on('exit', () => resolve());
    child.on('error', () => resolve());
  });
  // A guard that is gone cannot be told anything; the parts are then stopped by the starter alone.
  child.stdin?.on('error', () => {});
  const tell = (line: string) => {
    if (child.stdin?.writable === true) child.stdin.write(`${line}\n`);
  };
  return {
    pid: child.pid,
    add: (pid) => tell(`add ${pid}`),
    drop: (pid) => tell(`drop ${pid}`),
    async close() {
      child.stdin?.end();
      await ended;
    },
  };
}
