import { addMs, type Clock } from '@ipsec-kit/clock';
import type { Delegation, IkeEndpoint } from '@ipsec-kit/ikev2';
import { type Endpoint, type Path, parseEndpoint } from '@ipsec-kit/ip';
import type { Driver } from './driver-contract.ts';
import type { SessionBook } from './session-book.ts';
import type { OpenSockets } from './tunnel-host-options.ts';
import { VpnError, vpnErrorFrom } from './vpn-error.ts';

/** A session that is out of the hand, for the process that keeps it alive: `createLivenessDelegate` of `@ipsec-kit/ikev2/delegate`. */
export interface HandedSession {
  /** Plain data for JSON, with keys of the IKE SA in it: for a pipe, and for no file. */
  readonly delegation: Delegation;
  /** The address and port that the delegate has to bind, so that the NAT and the peer see no change; nobody has them now. */
  readonly local: Endpoint;
}

/** A datagram that was too much for the delegate, as it gives it back with its report. */
export interface HandedDatagram {
  readonly path: Path;
  /** From the IKE header on. */
  readonly data: Uint8Array;
  readonly marker: boolean;
}

/** Gives the session of a client away, and takes it back. */
export interface SessionDelegations {
  delegate(): Promise<HandedSession>;
  takeBack(report: unknown, datagram?: HandedDatagram): Promise<void>;
}

export interface SessionDelegationsOptions {
  readonly endpoint: Pick<IkeEndpoint, 'delegate' | 'takeBack'>;
  readonly driver: Pick<Driver, 'perform' | 'receive'>;
  readonly book: Pick<SessionBook, 'standing'>;
  readonly udp: Pick<OpenSockets, 'suspend' | 'resume'>;
  readonly clock: Pick<Clock, 'now' | 'wakeAt'>;
}

/** An exchange that is under way ends within a round trip or two. */
const TRIES = 60;
const PAUSE_MS = 50;

const NOT_DELEGATED: Readonly<Record<'not-open' | 'busy' | 'delegated', string>> = {
  'not-open': 'it does not stand, or has no path to its peer',
  busy: 'an exchange is under way that does not end: try again in a moment',
  delegated: 'it is delegated already',
};
const NOT_TAKEN_BACK: Readonly<Record<'not-delegated' | 'malformed' | 'out-of-step', string>> = {
  'not-delegated': 'it is not delegated',
  malformed: 'the report is none of a delegate: give what its `release` has returned',
  'out-of-step': 'the report is of another delegation',
};

/** Makes the delegations of one tunnel, which has one session. */
export function createSessionDelegations(options: SessionDelegationsOptions): SessionDelegations {
  const { endpoint, driver, book, udp, clock } = options;
  let delegatedId: number | undefined;

  function give(sessionId: number): ReturnType<IkeEndpoint['delegate']> {
    const result = endpoint.delegate(sessionId, clock.now());
    driver.perform(result.outputs);
    return result;
  }

  return {
    async delegate() {
      const [session] = book.standing;
      if (!session) throw new VpnError('no-such-target', 'No session stands.');
      if (!udp.suspend || !udp.resume) {
        throw new VpnError('config', 'The sockets of this platform cannot be handed on.');
      }
      let given = give(session.id);
      for (let tries = 1; !given.ok && given.code === 'busy' && tries < TRIES; tries += 1) {
        await new Promise<void>((resolve) => clock.wakeAt(addMs(clock.now(), PAUSE_MS), resolve));
        given = give(session.id);
      }
      if (!given.ok) throw failed('delegated', NOT_DELEGATED[given.code]);
      delegatedId = session.id;
      await udp.suspend();
      const { delegation } = given;
      const local = parseEndpoint(delegation.local);
      if (!local) throw new Error(`the path of a delegation cannot be read: ${delegation.local}`);
      return { delegation, local };
    },
    async takeBack(report, datagram) {
      if (delegatedId === undefined) throw failed('taken back', NOT_TAKEN_BACK['not-delegated']);
      try {
        await udp.resume?.();
      } catch (error) {
        throw vpnErrorFrom(error, 'take the ports of the delegate back', 'port-in-use');
      }
      const { outputs, ...result } = endpoint.takeBack(delegatedId, report, clock.now());
      driver.perform(outputs);
      if (!result.ok) throw failed('taken back', NOT_TAKEN_BACK[result.code]);
      delegatedId = undefined;
      if (datagram) driver.receive(datagram.data, datagram.path, datagram.marker);
    },
  };
}

function failed(what: string, why: string): VpnError {
  return new VpnError('command-failed', `The session cannot be ${what}: ${why}.`);
}
