import { addMs, type Clock, type Instant, msBetween } from '@ipsec-kit/clock';
import type { PacketPath, PathFact } from '@ipsec-kit/datapath';
import type {
  ChildConfig,
  ConnectionConfig,
  PacketSelectors,
  SessionEvent,
} from '@ipsec-kit/ikev2';
import { formatSelector } from '@ipsec-kit/ip';
import type { Scheduler } from '@ipsec-kit/scheduler';
import type { ChildOpener, OpenedChild } from './child-opener.ts';
import type { VpnEvent } from './events.ts';
import { planTrap, samePlan, type TrapPlace, takesPacket } from './trap-plan.ts';
import type { PlannedChild } from './tun-plan.ts';
import { VpnError } from './vpn-error.ts';

/** First pause after a negotiation that failed, before traffic may begin another; it doubles with each, up to the longest. */
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 300_000;
/** A Child SA that was lost sooner counts as one that failed. */
const STEADY_MS = 10_000;

/** Keeps the traps of the children that traffic opens: asks for one Child SA however many packets want it, and after a
 * failure not before a pause is over.
 * @see RFC 4301 §4.4.1 (entries to PROTECT without an SA), RFC 7296 §2.9
 */
export interface TrapKeeper {
  /** Lets traffic of a child open it from now on; again moves its trap. */
  set(connection: string, child: ChildConfig, place: TrapPlace): void;
  /** What the packet path noticed. */
  noteFacts(facts: readonly PathFact[]): void;
  /** To be told of every event: the end of a Child SA may set its trap. */
  note(event: SessionEvent): void;
  /** What the traps need of the TUN device. */
  readonly planned: readonly PlannedChild[];
  /** Asks for nothing any more. */
  stop(): void;
}

export interface TrapKeeperOptions {
  readonly connections: readonly ConnectionConfig[];
  readonly engine: Pick<PacketPath, 'installTrap' | 'removeTrap' | 'rearmTrap'>;
  readonly opener: Pick<ChildOpener, 'open'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly scheduler: Pick<Scheduler, 'schedule' | 'cancel'>;
  /** Ends a Child SA that nothing goes through. */
  readonly closeChild: (sessionId: number, childId: number, reason: string) => void;
  /** The traps have changed, and with them what the TUN device is for. */
  readonly onChange: () => void;
  readonly onEvent: (event: VpnEvent) => void;
}

interface StandingTrap {
  readonly id: number;
  readonly connection: string;
  readonly child: ChildConfig;
  plan: PlannedChild;
  /** The packet that the engine asked for last, and the one that is being negotiated for. */
  wanted: PacketSelectors | undefined;
  running: PacketSelectors | undefined;
  isPaused: boolean;
  failures: number;
  /** The Child SA that the last negotiation gave, and since when. */
  opened: { readonly childId: number; readonly since: Instant } | undefined;
  /** One that was given without the packet that it was for: it may serve others. */
  spareChildId: number | undefined;
}

/** Makes a keeper without traps. */
export function createTrapKeeper(options: TrapKeeperOptions): TrapKeeper {
  return new PausingTrapKeeper(options);
}

class PausingTrapKeeper implements TrapKeeper {
  readonly #options: TrapKeeperOptions;
  readonly #traps = new Map<string, StandingTrap>();
  readonly #byId = new Map<number, StandingTrap>();
  /** Where the sessions are that stand, for the traps that their end sets. */
  readonly #places = new Map<number, TrapPlace & { readonly connection: string }>();
  #isStopped = false;

  constructor(options: TrapKeeperOptions) {
    this.#options = options;
  }

  get planned(): readonly PlannedChild[] {
    return [...this.#traps.values()].map(({ plan }) => plan);
  }

  set(connection: string, child: ChildConfig, place: TrapPlace): void {
    const key = JSON.stringify([connection, child.name]);
    const plan = planTrap(child, place);
    const known = this.#traps.get(key);
    const trap: StandingTrap = known ?? {
      id: this.#byId.size + 1,
      connection,
      child,
      plan,
      wanted: undefined,
      running: undefined,
      isPaused: false,
      failures: 0,
      opened: undefined,
      spareChildId: undefined,
    };
    this.#traps.set(key, trap);
    this.#byId.set(trap.id, trap);
    const isMoved = !known || !samePlan(known.plan, plan);
    trap.plan = plan;
    if (!isMoved) return;
    this.#options.engine.removeTrap(trap.id);
    this.#options.engine.installTrap({ id: trap.id, ...plan });
    this.#options.onChange();
  }

  noteFacts(facts: readonly PathFact[]): void {
    for (const fact of facts) {
      if (fact.kind !== 'acquire' || this.#isStopped) continue;
      const trap = this.#byId.get(fact.trapId);
      if (!trap) continue;
      trap.wanted = { local: fact.local, remote: fact.remote };
      if (!trap.running && !trap.isPaused) this.#negotiate(trap, trap.wanted);
    }
  }

  note(event: SessionEvent): void {
    switch (event.kind) {
      case 'session-opened': {
        const { sessionId, connection, path, virtualAddresses } = event;
        this.#places.set(sessionId, { connection, path, virtualAddresses });
        return;
      }
      case 'peer-path-changed': {
        const place = this.#places.get(event.sessionId);
        if (place) this.#places.set(event.sessionId, { ...place, path: event.to });
        return;
      }
      case 'session-closed':
        this.#places.delete(event.sessionId);
        return;
      case 'child-rekeyed':
        this.#onChildRekeyed(event.oldChildId, event.newChildId);
        return;
      case 'child-closed':
        this.#onChildClosed(event);
        return;
      default:
        return;
    }
  }

  stop(): void {
    this.#isStopped = true;
    for (const { id } of this.#byId.values()) this.#options.scheduler.cancel(timerOf(id));
  }

  #negotiate(trap: StandingTrap, packet: PacketSelectors): void {
    const { connection, child, opened, plan } = trap;
    const { clock, opener, onEvent } = this.#options;
    if (opened && msBetween(opened.since, clock.now()) >= STEADY_MS) trap.failures = 0;
    trap.running = packet;
    const wish = {
      connection,
      child: child.name,
      packet,
      ...(plan.virtualAddresses.length > 0 ? { virtualAddresses: plan.virtualAddresses } : {}),
      onBegun: (sessionId: number) =>
        onEvent({
          kind: 'acquire-started',
          sessionId,
          connection,
          name: child.name,
          local: formatSelector(packet.local),
          remote: formatSelector(packet.remote),
        }),
    };
    void opener.open(wish).then((outcome) => this.#onOutcome(trap, packet, outcome));
  }

  #onOutcome(trap: StandingTrap, packet: PacketSelectors, outcome: OpenedChild | VpnError): void {
    trap.running = undefined;
    if (this.#isStopped) return;
    if (outcome instanceof VpnError) {
      this.#pause(trap, outcome);
      return;
    }
    if (!takesPacket(outcome, packet)) {
      this.#onRefusedPacket(trap, packet, outcome);
      return;
    }
    trap.opened = { childId: outcome.childId, since: this.#options.clock.now() };
    // What it does not cover either was asked for meanwhile.
    const { wanted } = trap;
    if (wanted && wanted !== packet && !takesPacket(outcome, wanted)) this.#negotiate(trap, wanted);
  }

  /** The peer has narrowed the Child SA so that the very packet is left out. It will not do otherwise the next time: one such
   * Child SA stays, further ones go.
   */
  #onRefusedPacket(trap: StandingTrap, packet: PacketSelectors, opened: OpenedChild): void {
    const { sessionId, childId } = opened;
    const sentence = `The peer does not take ${formatSelector(packet.local)} === ${formatSelector(packet.remote)} into the Child SA ${trap.child.name}: compare local_ts and remote_ts of both sides.`;
    this.#pause(trap, new VpnError('ts-unacceptable', sentence));
    trap.spareChildId ??= childId;
    if (trap.spareChildId === childId) return;
    this.#options.closeChild(sessionId, childId, 'nothing goes through it');
  }

  #onChildClosed(event: Extract<SessionEvent, { readonly kind: 'child-closed' }>): void {
    const { sessionId, childId, name, action } = event;
    const place = this.#places.get(sessionId);
    if (action === 'trap' && place) this.#setFor(place, name);
    for (const trap of this.#byId.values()) {
      if (trap.spareChildId === childId) trap.spareChildId = undefined;
      if (trap.opened?.childId !== childId) continue;
      const stoodMs = msBetween(trap.opened.since, this.#options.clock.now());
      trap.opened = undefined;
      // What it was asked for is history; what comes from now on is wanted.
      trap.wanted = undefined;
      if (stoodMs >= STEADY_MS) trap.failures = 0;
      else this.#pause(trap, undefined);
    }
  }

  #onChildRekeyed(oldChildId: number, childId: number): void {
    for (const trap of this.#byId.values()) {
      if (trap.opened?.childId === oldChildId) trap.opened = { ...trap.opened, childId };
      if (trap.spareChildId === oldChildId) trap.spareChildId = childId;
    }
  }

  #setFor(place: TrapPlace & { readonly connection: string }, name: string): void {
    const config = this.#options.connections.find((one) => one.name === place.connection);
    const child = config?.children.find((one) => one.name === name);
    if (child && !this.#isStopped) this.set(place.connection, child, place);
  }

  /** What the trap holds waits until the pause is over. After a failure it is dropped then, since it waited for what could not
   * be had, and the next packet asks again; where a Child SA was lost, it is what the next one is opened for.
   */
  #pause(trap: StandingTrap, failure: VpnError | undefined): void {
    const { clock, scheduler, engine, onEvent } = this.#options;
    const { id, connection, child } = trap;
    const retryInMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(trap.failures, 16), LONGEST_PAUSE_MS);
    trap.failures += 1;
    trap.isPaused = true;
    const at = addMs(clock.now(), retryInMs);
    const deadline = { name: 'trap armed again', at, toleranceMs: retryInMs / 10 } as const;
    scheduler.schedule(timerOf(id), { ...deadline, wake: 'process' }, () => {
      trap.isPaused = false;
      if (failure) {
        trap.wanted = undefined;
        engine.rearmTrap(id);
      } else if (trap.wanted && !trap.running) {
        this.#negotiate(trap, trap.wanted);
      }
    });
    if (!failure) return;
    const { code, message } = failure;
    onEvent({
      kind: 'acquire-failed',
      connection,
      name: child.name,
      retryInMs,
      code,
      sentence: message,
    });
  }
}

function timerOf(trapId: number): string {
  return `trap ${trapId}`;
}
