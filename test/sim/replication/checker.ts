/**
 * The rules of replication, checked while the world runs. What was committed is kept once, as the first
 * replica says it, and everything is compared with that.
 *
 * I1 the record changes by compare-and-swap only, its epoch never falls · I2 what is committed is on the disk
 * of every member of the engine's in-sync set · I3 who becomes leader was in the set of the record it
 * replaced · I4 one leader per epoch · I5 a leader holds all that is committed · I6 equal chains, equal
 * prefixes · I7 numbers of tasks are unique and in the order of the log · I8 what readers are shown is
 * committed and never goes back.
 *
 * After a disk or the engine went back (`isTainted`) replicas may contradict each other; then what counts is
 * that no caller is answered by a leader that lacks what callers had seen when they asked.
 */
import { type Alarm, type Entry, pointAt } from '../../../control/replication/core/index.ts';
import type { EngineRecord } from '../../../control/replication/engine.ts';
import type { Replica } from './replica.ts';
import type { ReplicaWorld, Seen } from './world.ts';

interface Committed {
  readonly chain: string;
  readonly requestId: string | undefined;
}

/** The checker. */
export class ReplicaChecker {
  readonly committed: Committed[] = [];
  /** Counts losses that an operator accepted. */
  generation = 1;
  isTainted = false;
  isEngineBack = false;
  /** A caller named a position that nobody committed. */
  isClaimMadeUp = false;
  readonly #tasks = new Map<string, { readonly uid: number; readonly index: number }>();
  /** Ids of clusters that began with a loss, and its number. */
  readonly #losses = new Map<string, number>();
  readonly #leaders = new Map<number, string>();
  readonly #world: ReplicaWorld;

  constructor(world: ReplicaWorld) {
    this.#world = world;
  }

  /** A replica says that all up to `index` is committed. */
  onCommitted(replica: Replica, index: number): void {
    if (this.isTainted) return;
    const { committed } = this;
    if (!this.#holds(replica, Math.min(index, committed.length))) {
      this.#world.fail('I6: two entries are committed at one place', `${replica.id} at ${index}`);
    }
    if (index <= committed.length) return;
    while (committed.length < index) this.#note(replica.entryAt(committed.length + 1));
    const record = this.#world.engine.current?.record;
    if (record !== undefined) this.#checkMembers('I2: a member lacks what is committed', record);
  }

  /** The state on a disk reaches to here. */
  onApplied(replica: Replica, index: number): void {
    if (this.isTainted || index === 0) return;
    const own = replica.disk.pointAt(index);
    if (own?.chain === this.committed[index - 1]?.chain) return;
    this.#world.fail('I8: what is not committed was applied', `${replica.id} at ${index}`);
  }

  /** A snapshot is about to take the place of what is on a disk. */
  onReplaced(replica: Replica): void {
    if (this.isTainted) return;
    const { id, disk } = replica;
    for (const { isr } of this.#world.engine.possible()) {
      if (!isr.some((one) => one.id === id && one.storeId === disk.storeId)) continue;
      this.#world.fail('I2: a disk that counts was replaced', `${id} ${disk.storeId}`);
    }
  }

  /** The engine replaced the record. */
  onSwap(
    call: { readonly replicaId: string; readonly storeId: string; readonly record: EngineRecord },
    before: EngineRecord | undefined,
  ): void {
    const { record, replicaId, storeId } = call;
    const world = this.#world;
    world.trace(() => `record of ${replicaId}: ${recordText(record)}`);
    if (record.clusterId !== before?.clusterId) {
      this.#noteLoss(record);
      return;
    }
    if (record.epoch < before.epoch) world.fail('I1: the epoch fell', recordText(record));
    const isNew = record.leader !== '' && record.epoch !== before.epoch;
    if (record.leader !== '' && record.leader !== before.leader && !isNew) {
      world.fail('I4: another leader of the same epoch', recordText(record));
    }
    if (isNew && !before.isr.some((one) => one.id === replicaId && one.storeId === storeId)) {
      world.fail('I3: a leader from outside the in-sync set', recordText(record));
    }
    this.#checkMembers('I2: a new set has a member that lacks what is committed', record);
  }

  /** A leader opens. */
  onLead(replica: Replica, epoch: number): void {
    if (this.isTainted) return;
    const name = `${replica.id} ${replica.life}`;
    const other = this.#leaders.get(epoch);
    if (other !== undefined && other !== name) {
      this.#world.fail('I4: two leaders of one epoch', `epoch ${epoch}: ${other} and ${name}`);
    }
    this.#leaders.set(epoch, name);
    // One that was replaced while its barrier was on its way to disk opens late, and commits nothing.
    const isCurrent = this.#world.engine.current?.record.epoch === epoch;
    if (isCurrent && !this.#holds(replica, this.committed.length)) {
      this.#world.fail('I5: a leader lacks what is committed', `${replica.id} epoch ${epoch}`);
    }
  }

  /** A caller is told that its request is done; `seen`: what callers knew when it asked. */
  onAnswered(
    replica: Replica,
    answer: { readonly requestId: string; readonly uid: number; readonly seen: Seen | undefined },
  ): void {
    const { requestId, uid, seen } = answer;
    // One that was replaced may still say what it committed before.
    const isOlder = (replica.coreState.leading?.epoch ?? 0) < (seen?.epoch ?? 0);
    if (!isOlder && !this.holdsSeen(replica, seen)) {
      this.#world.fail('lost: a leader answers that lacks what callers saw', replica.id);
    }
    if (this.isTainted) return;
    const task = this.#tasks.get(requestId);
    if (task === undefined) {
      this.#world.fail('lost: a request was acknowledged and is not committed', requestId);
    } else if (task.uid !== uid) {
      this.#world.fail('I7: two numbers for one task', `${requestId}: ${task.uid} and ${uid}`);
    }
  }

  /** A caller reads up to `index`; `seen`: what callers knew when it asked. */
  onRead(replica: Replica, index: number, seen: Seen | undefined): void {
    if (index >= (seen?.index ?? 0) && this.holdsSeen(replica, seen)) return;
    if (seen === undefined || this.#isGivenUp(seen, replica)) return;
    this.#world.fail(
      'a strong read lacks what callers saw before',
      `${replica.id} up to ${index}, seen ${seen?.epoch}/${seen?.index}`,
    );
  }

  onAlarm(replica: Replica, alarm: Alarm): void {
    const world = this.#world;
    const words = `${replica.id} ${JSON.stringify(alarm)}`;
    world.trace(() => `ALARM ${words}`);
    world.coverage.hit(`alarm ${alarm.kind}`);
    const { wholeEpoch } = replica.coreState;
    const isOfClaim =
      this.isClaimMadeUp && alarm.kind === 'behindWitness' && alarm.seen.epoch !== wholeEpoch;
    const mayBe = alarm.kind === 'engineWentBack' ? this.isEngineBack : this.isTainted || isOfClaim;
    if (!mayBe) world.fail('alarm without cause', words);
  }

  /** In the end every disk holds the same, each request once, and what callers saw. */
  checkEnd(replicas: readonly Replica[]): void {
    const [first] = replicas;
    if (first === undefined) return;
    const wanted = this.isTainted
      ? first.disk.content.requests
      : this.committed.flatMap(({ requestId }) => requestId ?? []);
    if (new Set(wanted).size !== wanted.length) this.#world.fail('exactly once', 'done twice');
    for (const replica of replicas) {
      const { requests } = replica.disk.content;
      const place = wanted.findIndex((requestId, at) => requests[at] !== requestId);
      if (place >= 0 || requests.length !== wanted.length) {
        const words = `${replica.id} at ${place} of ${wanted.length} (its ${requests.length})`;
        this.#world.fail('replicas differ in the end', words);
      }
      if (!this.holdsSeen(replica, this.#world.seen)) {
        this.#world.fail('lost: callers saw what is gone in the end', replica.id);
      }
    }
  }

  /** Whether what callers have seen is in a replica's log; true for what was seen before a loss was accepted. */
  holdsSeen(replica: Replica, seen: Seen | undefined): boolean {
    if (seen === undefined || seen.index === 0) return true;
    if (this.#isGivenUp(seen, replica)) return true;
    if (seen.index < replica.disk.content.base.index) return true;
    return pointAt(replica.coreState, seen.index)?.chain === seen.chain;
  }

  /** The id says that a loss was accepted, once more than before; the record may have been gone. */
  #noteLoss({ clusterId }: EngineRecord): void {
    if (!clusterId.includes('.') || this.#losses.has(clusterId)) return;
    this.#world.coverage.hit('a loss was accepted');
    this.generation += 1;
    this.#losses.set(clusterId, this.generation);
  }

  /** Whether a loss was accepted after callers saw this, and before what a replica holds began. */
  #isGivenUp(seen: Seen, { coreState }: Replica): boolean {
    return (this.#losses.get(coreState.clusterId) ?? 1) > (this.#losses.get(seen.clusterId) ?? 1);
  }

  #note(entry: Entry): void {
    const { committed } = this;
    const payload = this.#world.payloads.read(entry.bytes);
    const requestId = payload.kind === 'request' ? payload.requestId : undefined;
    committed.push({ chain: entry.chain, requestId });
    if (requestId === undefined) return;
    if (this.#tasks.has(requestId)) this.#world.fail('exactly once', `${requestId} is done twice`);
    this.#tasks.set(requestId, { uid: this.#tasks.size, index: committed.length });
  }

  #holds(replica: Replica, index: number): boolean {
    if (index === 0) return true;
    // Where the log begins later, its beginning stands for all before it.
    const { base } = replica.disk.content;
    if (index < base.index && base.index <= this.committed.length) {
      return base.chain === this.committed[base.index - 1]?.chain;
    }
    return pointAt(replica.coreState, index)?.chain === this.committed[index - 1]?.chain;
  }

  #checkMembers(rule: string, record: EngineRecord): void {
    const last = this.committed.at(-1);
    if (last === undefined || this.isTainted) return;
    for (const { id, storeId } of record.isr) {
      const { disk } = this.#world.replica(id);
      // A disk that is no more holds nothing, and counts for nothing.
      if (disk.storeId !== storeId) continue;
      if (disk.pointAt(this.committed.length)?.chain === last.chain) continue;
      this.#world.fail(rule, `${id} lacks ${this.committed.length}; ${recordText(record)}`);
    }
  }
}

function recordText(record: EngineRecord): string {
  const isr = record.isr.map(({ id, storeId }) => `${id}/${storeId}`).join();
  return `${record.clusterId} epoch ${record.epoch} leader ${record.leader} isr ${isr} #${record.renewNo}`;
}
