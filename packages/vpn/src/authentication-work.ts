import type { IpAddress } from '@ipsec-kit/ip';
import type { Scheduler } from '@ipsec-kit/scheduler';
import type { CompiledVpn } from './compile/index.ts';
import type { Keyring } from './credentials/keyring.ts';
import { createOutsideFetch } from './credentials/outside-fetch.ts';
import {
  type CertificateWork,
  createSignatureWork,
  type SignatureWorkOptions,
} from './credentials/signature-work.ts';
import { createEapWork } from './eap/eap-work.ts';
import type { Platform } from './platform.ts';

/** What peers are authenticated with. */
export interface AuthenticationWorkOptions
  extends Required<Pick<SignatureWorkOptions, 'onProven'>> {
  readonly compiled: CompiledVpn;
  readonly world: Platform;
  readonly dateMs: () => number;
  readonly keyring: Keyring;
  readonly scheduler: Scheduler;
  readonly warn: (sentence: string) => void;
  /** Whether packets to an address would go into a tunnel. */
  readonly isCaught: (address: IpAddress) => boolean;
}

/** Makes what the IKE machine asks for where peers are authenticated: with certificates, and with EAP. */
export function createAuthenticationWork(options: AuthenticationWorkOptions): {
  readonly signatures: CertificateWork;
  readonly eap: ReturnType<typeof createEapWork>;
} {
  const { compiled, world, keyring, scheduler, dateMs, warn, onProven } = options;
  const { clock, crypto, random } = world;
  const signatures = createSignatureWork({
    ...{ credentials: compiled.credentials, keyring, clock, scheduler, crypto, random, dateMs },
    ...{ warn, onProven },
    fetch: createOutsideFetch({ resolve: world.resolve, isCaught: options.isCaught }),
  });
  const { authorities, certificates } = compiled.credentials;
  const eap = createEapWork({
    ...{ eap: compiled.eap, keyring, crypto, random, onProven },
    checkChain: signatures.checkChain,
    authorities: [...certificates.map(({ certificate }) => certificate), ...authorities],
  });
  return { signatures, eap };
}
