import type { CryptoProvider } from '@ipsec-kit/crypto';
import type { ChildInstallation } from '@ipsec-kit/ikev2';
import { innerMtuOfPath, type SaPair } from '@ipsec-kit/ipsec';

/** The MTU of the simulated device that inner packets come from. */
export const INNER_MTU = 1400;

/** What links carry. */
const OUTER_MTU = 1500;

/** The packet engine's form of a negotiated Child SA.
 * @throws Error when the provider does not have the suite, which negotiation rules out.
 */
export function saPairOf(
  child: ChildInstallation,
  crypto: Pick<CryptoProvider, 'cipherShape'>,
): SaPair {
  const { config, mode, path, suite } = child;
  const shape = crypto.cipherShape(suite);
  if (!shape) throw new Error(`no cipher for ENCR ${suite.encryption}`);
  return {
    id: child.childId,
    suite,
    inbound: {
      spi: child.inboundSpi,
      encryptionKey: child.inboundKeys.encryption,
      integrityKey: child.inboundKeys.integrity,
    },
    outbound: {
      spi: child.outboundSpi,
      encryptionKey: child.outboundKeys.encryption,
      integrityKey: child.outboundKeys.integrity,
    },
    localSelectors: child.localSelectors,
    remoteSelectors: child.remoteSelectors,
    mode,
    ...(child.transportAddresses ? { transportAddresses: child.transportAddresses } : {}),
    path,
    replayWindowPackets: config.replayWindowPackets,
    esn: child.esn,
    limits: child.limits,
    innerMtu: Math.min(
      INNER_MTU,
      innerMtuOfPath(shape, OUTER_MTU, path.remote.address.version, mode),
    ),
    outboundActive: child.outboundActive,
  };
}
