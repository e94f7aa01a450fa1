/** What `default` stands for in `proposals`, best first: hybrids of an elliptic curve and ML-KEM-768, then the same without,
 * each with AEADs and then with CBC and HMAC. A peer that does not know additional key exchanges passes over what has some (RFC
 * 9370 §2.2.1). Whoever has ML-KEM has modern groups, so MODP-2048 and MODP-4096 stand in those without it alone: IKE_SA_INIT cannot be
 * fragmented, and stays below 900 bytes, or 1,400 for a peer that asks for MODP-4096.
 * @see RFC 8247 §2 (what must and should be there)
 */
export const DEFAULT_IKE_PROPOSALS: readonly string[] = [
  'aes256gcm16-aes128gcm16-chacha20poly1305-prfsha256-prfsha384-prfsha512-x25519-ecp256-ecp384-ecp521-modp3072-ke1_mlkem768',
  'aes256-aes128-sha256-sha384-sha512-prfsha256-prfsha384-prfsha512-x25519-ecp256-ecp384-ecp521-modp3072-ke1_mlkem768',
  'aes256gcm16-aes128gcm16-chacha20poly1305-prfsha256-prfsha384-prfsha512-x25519-ecp256-ecp384-ecp521-modp3072-modp4096-modp2048',
  'aes256-aes128-sha256-sha384-sha512-prfsha256-prfsha384-prfsha512-x25519-ecp256-ecp384-ecp521-modp3072-modp4096-modp2048',
];

/** What `default` stands for in `esp_proposals`. Without a key exchange of its own a Child SA has its keys from those of the IKE SA,
 * and is as safe as they are: hybrid, where that is. @see RFC 8221 §5 and §6, RFC 7296 §2.17
 */
export const DEFAULT_ESP_PROPOSALS: readonly string[] = [
  'aes256gcm16-aes128gcm16-chacha20poly1305',
  'aes256-aes128-sha256-sha384-sha512',
];
