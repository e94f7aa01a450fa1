import { KeyMaterial } from '@ipsec-kit/crypto';
import type { SaPair } from '@ipsec-kit/ipsec';
import type { TransferredHalf, TransferredPair } from './messages.ts';

/** A pair with its keys, as it arrived in the worker: whoever installs it erases them. */
export function pairOf(transferred: TransferredPair): SaPair {
  return {
    ...transferred,
    inbound: halfOf(transferred.inbound),
    outbound: halfOf(transferred.outbound),
  };
}

function halfOf({ spi, encryptionKey, integrityKey }: TransferredHalf): SaPair['inbound'] {
  return {
    spi,
    encryptionKey: new KeyMaterial(encryptionKey),
    integrityKey: new KeyMaterial(integrityKey),
  };
}
