import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import type { CHash } from '@noble/hashes/utils.js';
import type { HashName } from '../hash-name.ts';

/** The hashes of noble by the names that this package uses. */
export const NOBLE_HASH: Readonly<Record<HashName, CHash>> = { sha1, sha256, sha384, sha512 };
