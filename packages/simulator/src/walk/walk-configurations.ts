import { Encr, Ke, TransformType } from '@ipsec-kit/crypto';
import type {
  ChildConfig,
  ConfiguredProposal,
  ConfiguredSelector,
  ConnectionConfig,
} from '@ipsec-kit/ikev2';
import { prefixToSelector } from '@ipsec-kit/ip';
import { ikeProposal } from '../simulation/default-connection.ts';
import type { SideOptions } from '../simulation/simulation-options.ts';

/** What two peers are configured with while a walk goes over them. */
export interface WalkConfiguration {
  readonly name: string;
  /** Names of the Child SAs; a session begins with the first. */
  readonly children: readonly string[];
  readonly client: SideOptions;
  readonly server: SideOptions;
  /** Something happens by time: lifetimes, liveness checks. */
  readonly isTimed: boolean;
  /** A side opens again what was lost or closed. */
  readonly reopens: boolean;
  /** Whether the server may open a session too: not where it gives the client an address. */
  readonly isSymmetric: boolean;
}

type Side = 'client' | 'server';

const DYNAMIC: ConfiguredSelector = { kind: 'dynamic', protocol: 0, startPort: 0, endPort: 65535 };
const NAMES = ['a', 'b', 'c'] as const;

/** GCM, with a key exchange of its own in every CREATE_CHILD_SA where methods are given. */
function espProposal(methods: readonly number[]): ConfiguredProposal {
  return {
    transforms: [
      { type: TransformType.ENCR, id: Encr.ENCR_AES_GCM_16, keyBits: 128 },
      ...methods.map((id) => ({ type: TransformType.KE, id })),
      { type: TransformType.ESN, id: 0 },
    ],
  };
}

/** 10.8.<index>.0/24 at the client, 10.9.<index>.0/24 at the server. */
function network(side: Side, index: number): ConfiguredSelector {
  const bytes = Uint8Array.of(10, side === 'client' ? 8 : 9, index, 0);
  return {
    kind: 'fixed',
    selector: prefixToSelector({ address: { version: 4, bytes }, length: 24 }),
  };
}

interface SideParts {
  readonly children?: readonly string[];
  /** Key exchange methods of CREATE_CHILD_SA for a Child SA, and of the IKE SA. */
  readonly esp?: readonly number[];
  readonly ike?: readonly number[];
  readonly child?: Partial<ChildConfig>;
  readonly connection?: Partial<ConnectionConfig>;
  readonly hasVirtualAddress?: boolean;
  readonly answerDelayMs?: number;
}

function sideOptions(side: Side, parts: SideParts): SideOptions {
  const { children = NAMES, esp = [], ike = [Ke.CURVE25519], hasVirtualAddress = false } = parts;
  const peer = side === 'client' ? 'server' : 'client';
  const selectorOf = (end: Side, index: number): ConfiguredSelector =>
    hasVirtualAddress && end === 'client' ? DYNAMIC : network(end, index);
  const delayMs = parts.answerDelayMs ?? 0;
  return {
    // Installations take their time as well.
    answerDelayMs: ({ kind }) => (kind === 'install-child' ? delayMs / 2 : delayMs),
    connection: {
      children: children.map((name, index) => ({
        name,
        proposals: [espProposal(esp)],
        localSelectors: [selectorOf(side, index)],
        remoteSelectors: [selectorOf(peer, index)],
        replayWindowPackets: 1024,
        ...parts.child,
      })),
      proposals: [ikeProposal(...ike)],
      ...(hasVirtualAddress ? {} : { virtualAddresses: [], pools: [] }),
      dpdDelayMs: 0,
      sendInitialContact: true,
      makeBeforeBreak: true,
      ...parts.connection,
    },
    settings: { keepaliveMs: 0 },
  };
}

interface Parts {
  readonly both?: SideParts;
  readonly client?: SideParts;
  readonly server?: SideParts;
  readonly isTimed?: boolean;
  readonly reopens?: boolean;
}

function configuration(name: string, parts: Parts): WalkConfiguration {
  const { both = {}, client = {}, server = {}, isTimed = false, reopens = false } = parts;
  const merged = (own: SideParts): SideParts => ({
    ...both,
    ...own,
    connection: { ...both.connection, ...own.connection },
    child: { ...both.child, ...own.child },
  });
  return {
    name,
    children: both.children ?? NAMES,
    client: sideOptions('client', merged(client)),
    server: sideOptions('server', merged(server)),
    isTimed,
    reopens,
    isSymmetric: both.hasVirtualAddress !== true,
  };
}

/** What walks go over. */
export const WALK_CONFIGURATIONS: readonly WalkConfiguration[] = [
  configuration('one child', { both: { children: ['a'] } }),
  configuration('three children', { both: { answerDelayMs: 4 } }),
  configuration('one child, virtual address', {
    both: { children: ['a'], hasVirtualAddress: true },
  }),
  configuration('three children, virtual address, slow answers', {
    both: { hasVirtualAddress: true, answerDelayMs: 30 },
  }),
  configuration('groups that differ', {
    client: { esp: [Ke.ECP_256, Ke.CURVE25519], ike: [Ke.ECP_256, Ke.CURVE25519] },
    server: { esp: [Ke.CURVE25519], ike: [Ke.CURVE25519] },
  }),
  configuration('groups that differ, slow answers', {
    both: { children: ['a', 'b'], answerDelayMs: 20 },
    client: { esp: [Ke.CURVE25519], ike: [Ke.CURVE25519] },
    server: { esp: [Ke.ECP_256, Ke.CURVE25519], ike: [Ke.ECP_256, Ke.CURVE25519] },
  }),
  configuration('one group for all', { both: { children: ['a', 'b'], esp: [Ke.CURVE25519] } }),
  configuration('break before make', { both: { connection: { makeBeforeBreak: false } } }),
  configuration('unique by replacing', {
    both: { children: ['a', 'b'], connection: { unique: 'replace' } },
  }),
  configuration('unique by keeping', {
    both: { children: ['a', 'b'], connection: { unique: 'keep' } },
    isTimed: true,
    client: { connection: { dpdDelayMs: 60_000 } },
    server: { connection: { dpdDelayMs: 60_000 } },
  }),
  configuration('limits of packets', { both: { child: { rekeyPackets: 40, hardPackets: 4_000 } } }),
  configuration('limits of bytes, both sides equal', {
    both: { children: ['a', 'b'], child: { rekeyBytes: 2_000, hardBytes: 2_000_000 } },
  }),
  configuration('lifetimes', {
    both: {
      child: { rekeyMs: 90_000, rekeyJitterMs: 20_000, hardLifetimeMs: 300_000 },
      connection: { rekeyMs: 240_000, rekeyJitterMs: 60_000, overMs: 200_000 },
    },
    isTimed: true,
  }),
  configuration('lifetimes, liveness, reauthentication, opened again when lost', {
    both: {
      child: { rekeyMs: 200_000, rekeyJitterMs: 20_000, hardLifetimeMs: 500_000 },
      connection: { dpdDelayMs: 45_000, dpdTimeoutMs: 90_000 },
    },
    client: {
      connection: { reauthMs: 600_000, overMs: 300_000, dpdAction: 'start', closeAction: 'start' },
    },
    isTimed: true,
    reopens: true,
  }),
];
