/** Most payloads in one chain; a message that has more is refused as `too-many-payloads`. */
export const MAX_PAYLOADS = 256;

/** Most proposals in one SA payload. */
export const MAX_PROPOSALS = 64;

/** Most attributes of one transform; RFC 7296 defines one. */
export const MAX_TRANSFORM_ATTRIBUTES = 32;

/** Most SPIs in one Delete payload. */
export const MAX_DELETE_SPIS = 1024;

/** Most attributes in one Configuration payload. */
export const MAX_CONFIG_ATTRIBUTES = 1024;

/** Bytes of the IKE header. @see RFC 7296 §3.1 */
export const HEADER_BYTES = 28;

/** Bytes of the generic payload header. @see RFC 7296 §3.2 */
export const PAYLOAD_HEADER_BYTES = 4;
