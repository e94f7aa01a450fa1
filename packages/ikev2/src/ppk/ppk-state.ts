/** How far the use of a post-quantum pre-shared key has come: both sides have announced it; it is in the keys of the IKE SA, but for a
 * peer that may still answer without; it has been agreed on. @see RFC 8784 §3
 */
export type PpkState = 'none' | 'announced' | 'tried' | 'used';
