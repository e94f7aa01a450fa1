import type { CryptoProvider } from '@ipsec-kit/crypto';
import type { ChildInstallation } from '@ipsec-kit/ikev2';
import { BASE_PATH_MTU, innerMtuOfPath, type SaPair } from '@ipsec-kit/ipsec';
import { DEFAULT_OUTER_MTU, DEFAULT_TUN_MTU } from './default-mtu.ts';

/** The packet engine's form of a negotiated Child SA.
 * @param tunMtu - MTU of the device that inner packets come from; the pair takes no larger ones.
 * @param knownOuterMtu - the largest outer packet that is known to come through. Absent: TCP is kept to what nearly every path
 * carries, and the rest to what most links do.
 * @throws Error when the provider does not have the suite, which negotiation rules out.
 */
export function saPairFor(
  child: ChildInstallation,
  crypto: Pick<CryptoProvider, 'cipherShape'>,
  tunMtu: number = DEFAULT_TUN_MTU,
  knownOuterMtu?: number,
): SaPair {
  const shape = crypto.cipherShape(child.suite);
  if (!shape) throw new Error(`no cipher for ENCR ${child.suite.encryption}`);
  const { config, mode } = child;
  const outerVersion = child.path.remote.address.version;
  const within = (outerMtu: number): number =>
    Math.min(tunMtu, innerMtuOfPath(shape, outerMtu, outerVersion, mode));
  return {
    id: child.childId,
    suite: child.suite,
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
    path: child.path,
    replayWindowPackets: config.replayWindowPackets,
    esn: child.esn,
    limits: child.limits,
    ...(config.copyDscp === undefined ? {} : { copyDscp: config.copyDscp }),
    ...(isPadded(child) ? { tfcPadding: { minimumBytes: config.tfcPaddingBytes ?? 0 } } : {}),
    innerMtu: within(knownOuterMtu ?? DEFAULT_OUTER_MTU),
    tcpMtu: within(knownOuterMtu ?? BASE_PATH_MTU),
    outboundActive: child.outboundActive,
  };
}

/** Whether what is sent is padded: it is wanted, the IP header inside tells what is padding, and the peer takes it.
 * @see RFC 4303 §2.7, RFC 7296 §1.3.1
 */
export function isPadded({ config, mode, peerTakesTfc }: ChildInstallation): boolean {
  return (config.tfcPaddingBytes ?? 0) > 0 && mode === 'tunnel' && peerTakesTfc;
}
