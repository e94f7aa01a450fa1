/** The hashes inside the HMACs of this package, as node:crypto and noble both spell them. */
export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512';
