/**
 * What the simulation does to a whole index on a model node outside of any lane: makes it what the catalog says, removes
 * what should not be there, writes the node's marker. Each waits for its task as the real code does.
 */
import type { MachineEvent, Now, RecoveryEffect } from '../../control/state/index.ts';
import type { ModelNode, TaskWork } from './node.ts';
import type { World } from './world.ts';

const MEND_LOOK_MS = 20;
const MEND_LIMIT_MS = 60_000;

type EffectOf<Kind> = Extract<RecoveryEffect, { kind: Kind }>;

/** Hands an event to the machine. */
export type Submit = (make: (now: Now) => MachineEvent) => void;

/** Performs them for one process of control. */
export class MendCalls {
  readonly #world: World;
  readonly #submit: Submit;
  isClosed = false;

  constructor(world: World, submit: Submit) {
    this.#world = world;
    this.#submit = submit;
  }

  /** Puts the marker on the node; `done` is told whether it is there. */
  writeMarker(nodeId: string, seq: number, done: (isDone: boolean) => void): void {
    const node = this.#world.node(nodeId);
    const work = { kind: 'marker', marker: String(seq) } as const;
    this.#enqueue(node, { type: 'documentAdditionOrUpdate', uid: '_miroir_node', work }, (uid) => {
      if (uid === undefined) done(false);
      else this.#whenDone(node, uid, done);
    });
  }

  /** Tells the machine what the node holds. */
  listIndexes({ nodeId, call }: EffectOf<'listIndexes'>): void {
    this.ask(
      nodeId,
      (node) => [...node.indexes.keys()],
      (found) => {
        const indexUids = found ?? null;

        this.#submit((now) => ({ kind: 'indexesListed', nodeId, call, indexUids, now }));
      },
    );
  }

  /** Removes an index that the node brought back and should not have. */
  removeIndex({ nodeId, call, indexUid }: EffectOf<'removeIndex'>): void {
    const node = this.#world.node(nodeId);
    const type = 'indexDeletion';
    const work = { kind: 'step', type, body: null, identity: '', label: '' } as const;
    const answer = (isDone: boolean, uid: number | null): void => {
      const task = uid === null ? undefined : node.tasks[uid];
      const lastTask = task === undefined ? null : { uid: task.uid, enqueuedAt: task.enqueuedAt };
      this.#world.coverage.hit(`index left on a node removed: ${isDone}`);
      this.#submit((now) => ({
        kind: 'indexRemoved',
        nodeId,
        call,
        indexUid,
        isDone,
        lastTask,
        now,
      }));
    };
    this.#enqueue(node, { type, uid: indexUid, work }, (uid) => {
      if (uid === undefined) answer(false, null);
      else this.#whenDone(node, uid, (isDone) => answer(isDone, uid));
    });
  }

  /** Makes the index what the catalog says. */
  mend(effect: EffectOf<'mendIndex'>): void {
    const { indexId, nodeId, need, indexUid, settings, settingsVersion } = effect;
    const node = this.#world.node(nodeId);
    const label = (settings as { stopWords?: string[] }).stopWords?.[0] ?? '';
    const step = (type: string): TaskWork => ({
      kind: 'step',
      type,
      body: null,
      identity: indexId,
      label,
    });
    const types =
      need === 'rebuild'
        ? ['indexDeletion', 'indexCreation', 'settingsUpdate']
        : ['settingsUpdate'];
    const answer = (isDone: boolean, lastUid: number | null): void => {
      const task = lastUid === null ? undefined : node.tasks[lastUid];
      const lastTask = task === undefined ? null : { uid: task.uid, enqueuedAt: task.enqueuedAt };
      this.#world.coverage.hit(`index mended: ${need} ${isDone}`);
      this.#submit((now) => ({
        kind: 'indexMended',
        indexId,
        nodeId,
        indexUid,
        settingsVersion,
        isDone,
        reason: '',
        lastTask,
        now,
      }));
    };
    const next = (at: number, lastUid: number | null): void => {
      const type = types[at];
      if (type === undefined) {
        answer(true, lastUid);
        return;
      }
      this.#enqueue(node, { type, uid: indexUid, work: step(type) }, (uid) => {
        if (uid === undefined) {
          answer(false, null);
          return;
        }
        this.#whenDone(node, uid, (isDone) => {
          if (isDone) next(at + 1, uid);
          else answer(false, null);
        });
      });
    };
    next(0, null);
  }

  /** Asks a node for something; `done` gets undefined if it did not answer. */
  ask<Answer>(
    nodeId: string,
    perform: (node: ModelNode) => Answer,
    done: (answer: Answer | undefined) => void,
  ): void {
    const node = this.#world.node(nodeId);
    this.#world.network.call({
      node,
      isWrite: false,
      perform: () => perform(node),
      done: (outcome) => {
        if (!this.isClosed) done(outcome.kind === 'answered' ? outcome.answer : undefined);
      },
    });
  }

  #enqueue(
    node: ModelNode,
    task: { readonly type: string; readonly uid: string; readonly work: TaskWork },
    done: (uid: number | undefined) => void,
  ): void {
    this.ask(
      node.id,
      () =>
        this.#world.enqueue(node, {
          type: task.type,
          indexUid: task.uid,
          tag: null,
          seq: Number.NaN,
          work: task.work,
          isLate: false,
        }).uid,
      done,
    );
  }

  #whenDone(node: ModelNode, uid: number, done: (isDone: boolean) => void): void {
    const { clock } = this.#world;
    const { incarnation } = node;
    const startedMs = clock.nowMs;
    const look = (): void => {
      if (this.isClosed) return;
      const task = node.tasks[uid];
      if (node.incarnation !== incarnation || clock.nowMs - startedMs > MEND_LIMIT_MS) done(false);
      else if (task?.status === 'succeeded') done(true);
      else if (task?.status === 'failed')
        done(task.errorCode === 'index_not_found' && task.type === 'indexDeletion');
      else clock.in(MEND_LOOK_MS, look);
    };
    look();
  }
}
