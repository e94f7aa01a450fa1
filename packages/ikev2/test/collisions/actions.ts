import { Ke } from '@ipsec-kit/crypto';
import { TransformType } from '@ipsec-kit/ikev2-codec';
import type { ChildConfig, ConnectionConfig } from '../../src/index.ts';
import { child, ESP_GCM, type Host, ikeProposal, selector } from '../pair.ts';

export type Action = 'create-child' | 'rekey-child' | 'close-child' | 'rekey-ike' | 'close';

/** Everything that either side can be asked to do with SAs. */
export const ACTIONS: Readonly<Record<Action, (host: Host, sessionId: number) => void>> = {
  'create-child': (host, sessionId) => {
    host.command({ kind: 'create-child', sessionId, child: 'two' });
  },
  'rekey-child': (host, sessionId) => {
    const childId = childNamed(host, 'one');
    host.command({ kind: 'rekey-child', sessionId, childId });
  },
  'close-child': (host, sessionId) => {
    const childId = childNamed(host, 'one');
    host.command({ kind: 'close-child', sessionId, childId, reason: 'asked' });
  },
  'rekey-ike': (host, sessionId) => host.command({ kind: 'rekey-ike', sessionId }),
  close: (host, sessionId) => host.command({ kind: 'close', sessionId }),
};

const NET = { localSelectors: [selector('10.0.0.0/8')], remoteSelectors: [selector('10.0.0.0/8')] };
const OTHER = {
  localSelectors: [selector('172.16.0.0/12')],
  remoteSelectors: [selector('172.16.0.0/12')],
};
/** Two children, of which only the first is opened with the IKE SA. */
export const CHILDREN: readonly ChildConfig[] = [
  child({ name: 'one', ...NET }),
  child({ name: 'two', ...OTHER }),
];

/** Both ends want another group first than the one that they have in common: each first offer gets INVALID_KE_PAYLOAD. */
export const MIXED_GROUPS: Readonly<Record<'client' | 'server', Partial<ConnectionConfig>>> = {
  client: groups(Ke.CURVE25519, Ke.ECP_256),
  server: groups(Ke.ECP_384, Ke.ECP_256),
};

function groups(...methods: number[]): Partial<ConnectionConfig> {
  const exchanges = methods.map((id) => ({ type: TransformType.KE, id }));
  const proposals = [{ transforms: [...ESP_GCM.transforms, ...exchanges] }];
  return {
    proposals: [ikeProposal(...methods)],
    children: CHILDREN.map((config) => ({ ...config, proposals })),
  };
}

function childNamed(host: Host, name: string): number {
  const found = [...host.children.values()].find(({ config }) => config.name === name);
  return found?.childId ?? -1;
}

export function sessionOf(host: Host): number {
  return host.seen('session-opened')[0]?.sessionId ?? -1;
}
