import { createDecipheriv, createHash } from 'node:crypto';
import type { OldCiphers } from '../old-encryption.ts';

/** What `readKeyFile` opens files of Windows, macOS and old phones with, by `node:crypto`. */
export const nodeOldCiphers: OldCiphers = {
  sha1: (data) => Uint8Array.from(createHash('sha1').update(data).digest()),
  decipherTripleDes(key, iv, data) {
    try {
      const cipher = createDecipheriv('des-ede3-cbc', key, iv);
      return Uint8Array.from(Buffer.concat([cipher.update(data), cipher.final()]));
    } catch {
      return undefined;
    }
  },
};
