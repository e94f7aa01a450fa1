/** The examples of RFC 3686 §6. */
export const ctrExamples = [
  {
    name: 'vector 1',
    keyBits: 128,
    key: 'ae6852f8121067cc4bf7a5765577f39e',
    nonce: '00000030',
    iv: '0000000000000000',
    text: '53696e676c6520626c6f636b206d7367',
    sealed: 'e4095d4fb7a7b3792d6175a3261311b8',
  },
  {
    name: 'vector 2',
    keyBits: 128,
    key: '7e24067817fae0d743d6ce1f32539163',
    nonce: '006cb6db',
    iv: 'c0543b59da48d90b',
    text: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    sealed: '5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28',
  },
  {
    name: 'vector 3',
    keyBits: 128,
    key: '7691be035e5020a8ac6e618529f9a0dc',
    nonce: '00e0017b',
    iv: '27777f3f4a1786f0',
    text: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223',
    sealed: 'c1cf48a89f2ffdd9cf4652e9efdb72d74540a42bde6d7836d59a5ceaaef3105325b2072f',
  },
  {
    name: 'vector 4',
    keyBits: 192,
    key: '16af5b145fc9f579c175f93e3bfb0eed863d06ccfdb78515',
    nonce: '00000048',
    iv: '36733c147d6d93cb',
    text: '53696e676c6520626c6f636b206d7367',
    sealed: '4b55384fe259c9c84e7935a003cbe928',
  },
  {
    name: 'vector 5',
    keyBits: 192,
    key: '7c5cb2401b3dc33c19e7340819e0f69c678c3db8e6f6a91a',
    nonce: '0096b03b',
    iv: '020c6eadc2cb500d',
    text: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    sealed: '453243fc609b23327edfaafa7131cd9f8490701c5ad4a79cfc1fe0ff42f4fb00',
  },
  {
    name: 'vector 6',
    keyBits: 192,
    key: '02bf391ee8ecb159b959617b0965279bf59b60a786d3e0fe',
    nonce: '0007bdfd',
    iv: '5cbd60278dcc0912',
    text: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223',
    sealed: '96893fc55e5c722f540b7dd1ddf7e758d288bc95c69165884536c811662f2188abee0935',
  },
  {
    name: 'vector 7',
    keyBits: 256,
    key: '776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c104',
    nonce: '00000060',
    iv: 'db5672c97aa8f0b2',
    text: '53696e676c6520626c6f636b206d7367',
    sealed: '145ad01dbf824ec7560863dc71e3e0c0',
  },
  {
    name: 'vector 8',
    keyBits: 256,
    key: 'f6d66d6bd52d59bb0796365879eff886c66dd51a5b6a99744b50590c87a23884',
    nonce: '00faac24',
    iv: 'c1585ef15a43d875',
    text: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    sealed: 'f05e231b3894612c49ee000b804eb2a9b8306b508f839d6a5530831d9344af1c',
  },
  {
    name: 'vector 9',
    keyBits: 256,
    key: 'ff7a617ce69148e4f1726e2f43581de2aa62d9f805532edff1eed687fb54153d',
    nonce: '001cc5b7',
    iv: '51a51d70a1c11148',
    text: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223',
    sealed: 'eb6c52821d0bbbf7ce7594462aca4faab407df866569fd07f48cc0b583d6071f1ec0e6b8',
  },
] as const;

/** AES-XCBC-MAC before truncation, under the key 00 01 02 ... 0f. @see RFC 3566 §4.6 */
export const xcbcExamples = [
  { name: 'case 1', message: '', mac: '75f0251d528ac01c4573dfd584d79f29' },
  { name: 'case 2', message: '000102', mac: '5b376580ae2f19afe7219ceef172756f' },
  {
    name: 'case 3',
    message: '000102030405060708090a0b0c0d0e0f',
    mac: 'd2a246fa349b68a79998a4394ff7a263',
  },
  {
    name: 'case 4',
    message: '000102030405060708090a0b0c0d0e0f10111213',
    mac: '47f51b4564966215b8985c63055ed308',
  },
  {
    name: 'case 5',
    message: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    mac: 'f54f0ec8d2b9f3d36807734bd5283fd4',
  },
  {
    name: 'case 6',
    message: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021',
    mac: 'becbb3bccdb518a30677d5481fb6b4d8',
  },
] as const;

/** AES-CMAC-96 under the key 2b7e1516 28aed2a6 abf71588 09cf4f3c. @see RFC 4494 §5 */
export const cmacExamples = [
  { name: 'case 1', message: '', icv: 'bb1d6929e95937287fa37d12' },
  { name: 'case 2', message: '6bc1bee22e409f96e93d7e117393172a', icv: '070a16b46b4d4144f79bdd9d' },
  {
    name: 'case 3',
    message: '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411',
    icv: 'dfa66747de9ae63030ca3261',
  },
  {
    name: 'case 4',
    message:
      '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
    icv: '51f0bebf7e3b9d92fc497417',
  },
] as const;

/** The AES PRFs over 00 01 02 ... 13 under keys of 16, 10 and 18 bytes. @see RFC 4434 §2.1, RFC 4615 §4 */
export const aesPrfExamples = [
  {
    key: '000102030405060708090a0b0c0d0e0f',
    xcbc: '47f51b4564966215b8985c63055ed308',
    cmac: '980ae87b5f4c9c5214f5b6a8455e4c2d',
  },
  {
    key: '00010203040506070809',
    xcbc: '0fa087af7d866e7653434e602fdde835',
    cmac: '290d9e112edb09ee141fcf64c0b72f3d',
  },
  {
    key: '000102030405060708090a0b0c0d0e0fedcb',
    xcbc: '8cd3c93ae598a9803006ffb67c40e9e4',
    cmac: '84a348a4a45d235babfffc0d2b4da09a',
  },
] as const;
