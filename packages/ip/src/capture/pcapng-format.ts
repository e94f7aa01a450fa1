/** Block types of pcapng. @see draft-ietf-opsawg-pcapng §11.1 */
export const BlockType = {
  'Interface Description': 1,
  Packet: 2,
  'Simple Packet': 3,
  'Enhanced Packet': 6,
  'Section Header': 0x0a0d0d0a,
} as const;

/** Option codes that are read or written here. @see draft-ietf-opsawg-pcapng §3.5 and §4 */
export const OptionCode = {
  opt_endofopt: 0,
  opt_comment: 1,
  if_name: 2,
  epb_flags: 2,
  shb_userappl: 4,
  if_tsresol: 9,
  if_tsoffset: 14,
} as const;

/** How a section says in which byte order it is. */
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
