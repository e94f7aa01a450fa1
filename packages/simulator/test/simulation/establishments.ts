import { type CryptoProvider, Ke } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { addressesEqual } from '@ipsec-kit/ip';
import {
  createSimulation,
  type Datagram,
  type Decision,
  disagreements,
  ikeProposal,
  lan,
  type Simulation,
  type SimulationOptions,
} from '../../src/index.ts';

/** OpenSSL, since these tests make thousands of key exchanges. */
export const crypto: CryptoProvider = createNodeProvider();

/** A way to establish, and what it must be seen to go through. */
export interface Establishment {
  readonly name: string;
  readonly options: Omit<SimulationOptions, 'seed'>;
  /** Datagrams that an undisturbed establishment takes, both directions together. */
  readonly datagrams: number;
}

const link = lan({ latencyMs: 10 });
const small = { fragmentBytes: 160 };
const offersTwoMethods = { proposals: [ikeProposal(Ke.ECP_256, Ke.CURVE25519)] };
const askForCookies = { cookieThreshold: 1 };

export const ESTABLISHMENTS: readonly Establishment[] = [
  { name: 'plain', options: { crypto, link }, datagrams: 4 },
  {
    name: 'over IPv6',
    options: { crypto, link, outerVersion: 6 },
    datagrams: 4,
  },
  {
    name: 'with a slow key exchange',
    options: {
      crypto,
      link,
      client: { answerDelayMs: 700 },
      server: { answerDelayMs: () => 900 },
    },
    datagrams: 4,
  },
  {
    name: 'with fragments (RFC 7383)',
    options: { crypto, link, client: { settings: small }, server: { settings: small } },
    datagrams: 8,
  },
  {
    name: 'with INVALID_KE_PAYLOAD (RFC 7296 §1.2)',
    options: { crypto, link, client: { connection: offersTwoMethods } },
    datagrams: 6,
  },
  {
    name: 'with a cookie (RFC 7296 §2.6)',
    options: { crypto, link, clients: 2, server: { settings: askForCookies } },
    datagrams: 6,
  },
  {
    name: 'with a cookie, INVALID_KE_PAYLOAD and fragments (RFC 7296 §2.6.1)',
    options: {
      crypto,
      link,
      clients: 2,
      client: { connection: offersTwoMethods, settings: small },
      server: { settings: { ...small, ...askForCookies } },
    },
    datagrams: 12,
  },
];

/** Decides on a datagram by its number among those of the first client and the server with each other. */
export type NumberedHook = (number: number, decide: Decision, datagram: Datagram) => void;

/** Establishes under a hook. Where there is a second client, it first leaves a half-open IKE SA at the server, for the cookie. */
export function establish(
  options: Omit<SimulationOptions, 'seed'>,
  hook: NumberedHook,
): { readonly simulation: Simulation; readonly datagrams: number } {
  const simulation = createSimulation({ seed: 1, ...options });
  const [, second] = simulation.clients;
  let datagrams = 0;
  let isEstablishing = true;
  simulation.network.onDatagram((datagram, decide) => {
    const isOurs = [datagram.from, datagram.to].some(({ address }) =>
      simulation.client.addresses.some((own) => addressesEqual(own, address)),
    );
    if (isOurs && isEstablishing) {
      hook(datagrams, decide, datagram);
      datagrams += 1;
    } else if (!isOurs && datagram.to.port === 4500) {
      decide.drop();
    }
  });
  if (second) {
    simulation.initiate(second);
    simulation.runFor(1_000);
  }
  simulation.open();
  isEstablishing = false;
  return { simulation, datagrams };
}

/** What is wrong with the tunnel of the first client, in words. */
export function faultsOf(simulation: Simulation): readonly string[] {
  const { client, server } = simulation;
  const faults: string[] = [];
  // What is still on its way has to be seen off without harm, too.
  simulation.runFor(15_000);
  if (client.sessions.size !== 1) faults.push(`the client has ${client.sessions.size} IKE SAs`);
  if (server.children.size !== 1) faults.push(`the server has ${server.children.size} Child SAs`);
  if (simulation.ping() === undefined) faults.push('the server does not answer a ping');
  if (simulation.ping('to-client') === undefined) faults.push('the client does not answer a ping');
  // Half-open IKE SAs are gone when their time is over, also those of a second client, which gives up.
  simulation.runFor(240_000);
  return [...faults, ...disagreements(simulation)];
}
