import { appendFileSync, chmodSync, closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { type CipherSuite, Encr, Integ, type KeyMaterial } from '@ipsec-kit/crypto';
import type { ChildInstallation, SessionEvent } from '@ipsec-kit/ikev2';
import { formatAddress } from '@ipsec-kit/ip';
import { makeDirectory } from './make-directory.ts';
import { formatIkeSpi, formatSpi } from './public-event.ts';
import { messageOf, vpnErrorFrom } from './vpn-error.ts';

/** Writes the keys of SAs where Wireshark looks for them. Whoever reads these files reads the traffic. */
export interface KeyLog {
  /** Takes the keys of an IKE SA from its `ike-sa-keyed` event; other events are passed over. */
  noteEvent(event: SessionEvent): void;
  noteChild(child: ChildInstallation): void;
}

type IkeKeys = Extract<SessionEvent, { kind: 'ike-sa-keyed' }>;

/** Opens a key log in a directory: `ikev2_decryption_table` and `esp_sa` in the form of Wireshark's tables,
 * mode 0600; lines are appended. Copy both into Wireshark's configuration directory, or point
 * WIRESHARK_CONFIG_DIR at the directory. Suites that Wireshark has no name for are written as comments.
 * @param onWarning - told once when a line could not be written later: a full disk ends no tunnel.
 * @throws VpnError when the files cannot be written.
 */
export function openKeyLog(
  directory: string,
  onWarning: (sentence: string) => void = () => undefined,
): KeyLog {
  const ikeFile = join(directory, 'ikev2_decryption_table');
  const espFile = join(directory, 'esp_sa');
  try {
    makeDirectory(directory);
    for (const file of [ikeFile, espFile]) {
      closeSync(openSync(file, 'a', 0o600));
      chmodSync(file, 0o600);
    }
  } catch (error) {
    throw vpnErrorFrom(error, `write the key log in ${directory}`, 'file-failed');
  }
  let isBroken = false;
  const append = (file: string, lines: readonly string[]): void => {
    if (isBroken) return;
    try {
      appendFileSync(file, `${lines.join('\n')}\n`);
    } catch (error) {
      isBroken = true;
      onWarning(`No keys are written any more: ${messageOf(error)}`);
    }
  };
  return {
    noteEvent(event) {
      if (event.kind === 'ike-sa-keyed') append(ikeFile, [ikeTableLine(event)]);
    },
    noteChild(child) {
      append(espFile, espTableLines(child));
    },
  };
}

/** The line of Wireshark's `ikev2_decryption_table` for one IKE SA: SPIs, SK_ei, SK_er, cipher, SK_ai, SK_ar, integrity. */
export function ikeTableLine(event: IkeKeys): string {
  const { skEi, skEr, skAi, skAr } = event.keys;
  const cipher = ikeCipherName(event.suite);
  const integrity = ikeIntegrityNames[event.suite.integrity];
  const spis = `${formatIkeSpi(event.initiatorSpi)},${formatIkeSpi(event.responderSpi)}`;
  if (!cipher || !integrity) return `# ${spis}: Wireshark does not know this suite`;
  return [spis, hex(skEi), hex(skEr), `"${cipher}"`, hex(skAi), hex(skAr), `"${integrity}"`].join(
    ',',
  );
}

/** The two lines of Wireshark's `esp_sa` table for one Child SA, inbound and outbound. */
export function espTableLines(child: ChildInstallation): readonly string[] {
  const { local, remote } = child.path;
  const protocol = local.address.version === 4 ? 'IPv4' : 'IPv6';
  const [near, far] = [formatAddress(local.address), formatAddress(remote.address)];
  const cipher = espCipherNames[child.suite.encryption];
  const integrity = espIntegrityNames[child.suite.integrity];
  const line = (
    source: string,
    destination: string,
    spi: number,
    keys: ChildInstallation['inboundKeys'],
  ): string => {
    if (!cipher || !integrity) return `# 0x${formatSpi(spi)}: Wireshark does not know this suite`;
    const integrityKey = keys.integrity.length === 0 ? '' : `0x${hex(keys.integrity)}`;
    return [
      protocol,
      source,
      destination,
      `0x${formatSpi(spi)}`,
      cipher,
      `0x${hex(keys.encryption)}`,
      integrity,
      integrityKey,
    ]
      .map((field) => `"${field}"`)
      .join(',');
  };
  return [
    line(far, near, child.inboundSpi, child.inboundKeys),
    line(near, far, child.outboundSpi, child.outboundKeys),
  ];
}

function ikeCipherName(suite: CipherSuite): string | undefined {
  if (suite.encryption === Encr.ENCR_AES_CBC) return `AES-CBC-${suite.keyBits} [RFC3602]`;
  if (suite.encryption === Encr.ENCR_AES_GCM_16) {
    return `AES-GCM-${suite.keyBits} with 16 octet ICV [RFC5282]`;
  }
  return undefined;
}

const ikeIntegrityNames: Readonly<Record<number, string>> = {
  [Integ.NONE]: 'NONE [RFC4306]',
  [Integ.AUTH_HMAC_SHA1_96]: 'HMAC_SHA1_96 [RFC2404]',
  [Integ.AUTH_HMAC_SHA2_256_128]: 'HMAC_SHA2_256_128 [RFC4868]',
  [Integ.AUTH_HMAC_SHA2_384_192]: 'HMAC_SHA2_384_192 [RFC4868]',
  [Integ.AUTH_HMAC_SHA2_512_256]: 'HMAC_SHA2_512_256 [RFC4868]',
};

const espCipherNames: Readonly<Record<number, string>> = {
  [Encr.ENCR_AES_CBC]: 'AES-CBC [RFC3602]',
  [Encr.ENCR_AES_GCM_16]: 'AES-GCM with 16 octet ICV [RFC4106]',
};

const espIntegrityNames: Readonly<Record<number, string>> = {
  [Integ.NONE]: 'NULL',
  [Integ.AUTH_HMAC_SHA1_96]: 'HMAC-SHA-1-96 [RFC2404]',
  [Integ.AUTH_HMAC_SHA2_256_128]: 'HMAC-SHA-256-128 [RFC4868]',
  [Integ.AUTH_HMAC_SHA2_384_192]: 'HMAC-SHA-384-192 [RFC4868]',
  [Integ.AUTH_HMAC_SHA2_512_256]: 'HMAC-SHA-512-256 [RFC4868]',
};

/** The one place of this package where a key becomes text. */
function hex(key: KeyMaterial): string {
  return Buffer.from(key.reveal()).toString('hex');
}
