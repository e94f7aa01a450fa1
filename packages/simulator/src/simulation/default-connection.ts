import { type Identity, parseIdentity } from '@ipsec-kit/auth';
import { Encr, Ke, Prf, TransformType } from '@ipsec-kit/crypto';
import type {
  ChildConfig,
  ConfiguredProposal,
  ConfiguredSelector,
  ConnectionConfig,
  EndpointSettings,
} from '@ipsec-kit/ikev2';
import {
  type IpAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixToSelector,
} from '@ipsec-kit/ip';

/** The connection's name on either side. */
export const CONNECTION_NAME = 'tunnel';

/** The pool of a simulated server. */
export const POOL_NAME = 'clients';

/** Settings of the endpoints of a simulation, as strongSwan has them by default. */
export const DEFAULT_SETTINGS: EndpointSettings = {
  retransmit: { timeoutMs: 4000, base: 1.8, tries: 5, limitMs: 0, jitter: 0 },
  keepaliveMs: 20_000,
  keepaliveDpdMarginMs: 0,
  fragmentBytes: 1280,
  cookieThreshold: 30,
  cookieThresholdPerAddress: 3,
  blockThreshold: 5,
  initLimitHalfOpen: 1000,
  halfOpenTimeoutMs: 30_000,
  maxSessions: 10_000,
  keepAliveForced: false,
};

/** An IKE proposal with AES-GCM, PRF-HMAC-SHA-256 and these key exchange methods, in order of preference. */
export function ikeProposal(...methods: readonly number[]): ConfiguredProposal {
  return {
    transforms: [
      { type: TransformType.ENCR, id: Encr.ENCR_AES_GCM_16, keyBits: 256 },
      { type: TransformType.PRF, id: Prf.PRF_HMAC_SHA2_256 },
      ...methods.map((id) => ({ type: TransformType.KE, id })),
    ],
  };
}

const ESP_PROPOSAL: ConfiguredProposal = {
  transforms: [
    { type: TransformType.ENCR, id: Encr.ENCR_AES_GCM_16, keyBits: 256 },
    { type: TransformType.ESN, id: 0 },
  ],
};

const DYNAMIC: ConfiguredSelector = { kind: 'dynamic', protocol: 0, startPort: 0, endPort: 65535 };

/** The network behind a simulated server. */
export const SERVER_NETWORK: Prefix = prefix('10.1.0.0/16');

/** The address in it that answers pings. */
export const SERVER_INNER_ADDRESS: IpAddress = address('10.1.0.1');

/** What the pool of a simulated server gives out. */
export const POOL_PREFIX: Prefix = prefix('10.2.0.0/16');

/** The client's end: asks for a virtual address and reaches the network behind the server. */
export function clientConnection(
  name: string,
  connection: Partial<ConnectionConfig> = {},
  child: Partial<ChildConfig> = {},
): ConnectionConfig {
  return {
    ...commonConnection(`${name}@example.org`),
    remoteIdentity: { kind: 'identity', identity: identity('vpn.example.org') },
    children: [
      {
        ...commonChild(),
        localSelectors: [DYNAMIC],
        remoteSelectors: [{ kind: 'fixed', selector: prefixToSelector(SERVER_NETWORK) }],
        ...child,
      },
    ],
    virtualAddresses: [address('0.0.0.0')],
    ...connection,
  };
}

/** The server's end: gives every client an address of its pool. */
export function serverConnection(
  connection: Partial<ConnectionConfig> = {},
  child: Partial<ChildConfig> = {},
): ConnectionConfig {
  return {
    ...commonConnection('vpn.example.org'),
    remoteIdentity: { kind: 'any' },
    children: [
      {
        ...commonChild(),
        localSelectors: [{ kind: 'fixed', selector: prefixToSelector(SERVER_NETWORK) }],
        remoteSelectors: [DYNAMIC],
        ...child,
      },
    ],
    pools: [POOL_NAME],
    ...connection,
  };
}

function commonConnection(localIdentity: string) {
  return {
    name: CONNECTION_NAME,
    localAddresses: [],
    remoteAddresses: [],
    proposals: [ikeProposal(Ke.CURVE25519)],
    localIdentity: identity(localIdentity),
    virtualAddresses: [],
    pools: [],
    fragmentation: 'yes',
    mobike: false,
    dpdDelayMs: 30_000,
    keyingTries: 1,
    sendInitialContact: false,
  } as const satisfies Partial<ConnectionConfig>;
}

function commonChild() {
  return { name: 'net', proposals: [ESP_PROPOSAL], replayWindowPackets: 64 } as const;
}

function identity(text: string): Identity {
  const result = parseIdentity(text);
  if (!result.ok) throw new Error(result.sentence);
  return result.identity;
}

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`${text} is not an address`);
  return parsed;
}

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`${text} is not a prefix`);
  return parsed;
}
