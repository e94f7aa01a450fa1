/** The foreign function interface. */
export type Koffi = typeof import('koffi');

/** The calls into OpenSSL: pointers are numbers (addresses have 48 bits, a double holds 53), 0 is NULL, and most
 * answer 1 when all is well.
 */
export interface Evp {
  cipherByName(name: string): number;
  digestByName(name: string): number;
  newContext(): number;
  freeContext(context: number): void;
  /** EVP_EncryptInit_ex; with 0 for cipher and key only the IV is set. */
  encryptInit(context: number, cipher: number, engine: number, key: number, iv: number): number;
  encryptUpdate(context: number, out: number, outBytes: number, at: number, bytes: number): number;
  encryptFinal(context: number, out: number, outBytes: number): number;
  decryptInit(context: number, cipher: number, engine: number, key: number, iv: number): number;
  /** EVP_DecryptInit_ex2: IV and parameters in one call. @param parameters - address of a list of OSSL_PARAM. */
  decryptInitWith(
    context: number,
    cipher: number,
    key: number,
    iv: number,
    parameters: number,
  ): number;
  decryptUpdate(context: number, out: number, outBytes: number, at: number, bytes: number): number;
  decryptFinal(context: number, out: number, outBytes: number): number;
  /** EVP_CIPHER_CTX_get_params. @param parameters - address of a list of OSSL_PARAM, which is filled. */
  readParameters(context: number, parameters: number): number;
  /** EVP_CIPHER_CTX_set_params. @param parameters - address of a list of OSSL_PARAM, which is read. */
  setParameters(context: number, parameters: number): number;
  /** EVP_CIPHER_CTX_ctrl. */
  control(context: number, command: number, argument: number, at: number): number;
  /** EVP_Cipher of an AEAD: hashes AAD with 0 for `out`, crypts text, and ends with 0 for all but the context, which verifies
   * what is opened. @returns the bytes that were taken; below 0 when it refuses.
   */
  cipher(context: number, out: number, at: number, bytes: number): number;
  setPadding(context: number, isPadded: number): number;
  newHmac(): number;
  freeHmac(context: number): void;
  /** HMAC_Init_ex; with 0 for key and digest it begins anew under the key that it has. */
  hmacInit(context: number, key: number, bytes: number, digest: number, engine: number): number;
  hmacUpdate(context: number, at: number, bytes: number): number;
  /** Writes the whole hash to `out`. */
  hmacFinal(context: number, out: number, outBytes: number): number;
  /** CRYPTO_memcmp: 0 for equal bytes, in constant time. */
  compare(a: number, b: number, bytes: number): number;
  /** Empties the queue of errors of this thread, which a failed call fills. */
  clearErrors(): void;
  /** Where `memory[0]` lies, for as long as its buffer lives. */
  addressOf(memory: Uint8Array): number;
}

/** Declares the functions among the symbols of the process: Node's executable exports those of its OpenSSL, so that no
 * second copy is loaded.
 * @throws when one of them is missing.
 */
export function bindEvp(koffi: Koffi): Evp {
  const library = koffi.load(null);
  const P = 'uintptr_t';
  const init = `(${P} context, ${P} cipher, ${P} engine, ${P} key, ${P} iv)`;
  const update = `(${P} context, ${P} out, ${P} outBytes, ${P} at, int bytes)`;
  const final = `(${P} context, ${P} out, ${P} outBytes)`;
  return {
    cipherByName: library.func(`${P} EVP_get_cipherbyname(const char *name)`),
    digestByName: library.func(`${P} EVP_get_digestbyname(const char *name)`),
    newContext: library.func(`${P} EVP_CIPHER_CTX_new()`),
    freeContext: library.func(`void EVP_CIPHER_CTX_free(${P} context)`),
    encryptInit: library.func(`int EVP_EncryptInit_ex${init}`),
    encryptUpdate: library.func(`int EVP_EncryptUpdate${update}`),
    encryptFinal: library.func(`int EVP_EncryptFinal_ex${final}`),
    decryptInit: library.func(`int EVP_DecryptInit_ex${init}`),
    decryptInitWith: library.func(
      `int EVP_DecryptInit_ex2(${P} context, ${P} cipher, ${P} key, ${P} iv, ${P} parameters)`,
    ),
    decryptUpdate: library.func(`int EVP_DecryptUpdate${update}`),
    decryptFinal: library.func(`int EVP_DecryptFinal_ex${final}`),
    readParameters: library.func(`int EVP_CIPHER_CTX_get_params(${P} context, ${P} parameters)`),
    setParameters: library.func(`int EVP_CIPHER_CTX_set_params(${P} context, ${P} parameters)`),
    control: library.func(
      `int EVP_CIPHER_CTX_ctrl(${P} context, int command, int argument, ${P} at)`,
    ),
    cipher: library.func(`int EVP_Cipher(${P} context, ${P} out, ${P} at, unsigned int bytes)`),
    setPadding: library.func(`int EVP_CIPHER_CTX_set_padding(${P} context, int isPadded)`),
    newHmac: library.func(`${P} HMAC_CTX_new()`),
    freeHmac: library.func(`void HMAC_CTX_free(${P} context)`),
    hmacInit: library.func(
      `int HMAC_Init_ex(${P} context, ${P} key, int bytes, ${P} digest, ${P} engine)`,
    ),
    hmacUpdate: library.func(`int HMAC_Update(${P} context, ${P} at, ${P} bytes)`),
    hmacFinal: library.func(`int HMAC_Final${final}`),
    compare: library.func(`int CRYPTO_memcmp(${P} a, ${P} b, ${P} bytes)`),
    clearErrors: library.func('void ERR_clear_error()'),
    addressOf: (memory) => Number(koffi.address(memory)),
  };
}
