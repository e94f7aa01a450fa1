import type { KeyPattern, KeyRule, SectionRule, SubsectionRule } from '../schema.ts';

const LATER =
  'only pre-shared keys (ike, ppk), EAP passwords (eap) and private keys are used so far; this one is left alone';

function secret(status: KeyRule['status'], about: string): KeyRule {
  return status === 'supported'
    ? { kind: 'secret', status, about }
    : { kind: 'secret', status, because: LATER, about };
}

function ids(status: KeyRule['status'], about: string): KeyPattern {
  const rule: KeyRule = { kind: 'text', status, about };
  return {
    matches: /^id/,
    label: 'id<suffix>',
    rule: status === 'supported' ? rule : { ...rule, because: LATER },
  };
}

function shared(name: string, about: string): SubsectionRule {
  const rule: SectionRule = {
    path: `secrets.${name}<suffix>`,
    about,
    status: 'no-effect',
    because: LATER,
    keys: { secret: secret('no-effect', 'the secret') },
    keyPatterns: [ids('no-effect', 'an identity that the secret is for')],
  };
  return { match: 'prefix', name, rule };
}

function passphrase(name: string, about: string): SubsectionRule {
  const rule: SectionRule = {
    path: `secrets.${name}<suffix>`,
    about,
    keys: {
      file: {
        kind: 'text',
        status: 'supported',
        about: `name of the file in the directory ${name}, or with its path`,
      },
      secret: secret('supported', 'the passphrase; absent: it is not encrypted'),
    },
  };
  return { match: 'prefix', name, rule };
}

const token: SubsectionRule = {
  match: 'prefix',
  name: 'token',
  rule: {
    path: 'secrets.token<suffix>',
    about: 'a private key on a token',
    status: 'no-effect',
    because: LATER,
    keys: {
      handle: { kind: 'text', status: 'no-effect', because: LATER, about: 'CKA_ID of the key' },
      slot: { kind: 'text', status: 'no-effect', because: LATER, about: 'slot of the token' },
      module: { kind: 'text', status: 'no-effect', because: LATER, about: 'PKCS#11 module' },
      pin: secret('no-effect', 'PIN of the token'),
    },
  },
};

/** `secrets`. */
export const secretsSection: SectionRule = {
  path: 'secrets',
  about: 'pre-shared keys and other secrets',
  keys: {},
  sections: [
    {
      match: 'prefix',
      name: 'ike',
      rule: {
        path: 'secrets.ike<suffix>',
        about: 'a pre-shared key',
        keys: { secret: secret('supported', 'the key itself') },
        keyPatterns: [ids('supported', 'an identity that the key is for; none: everyone')],
      },
    },
    {
      match: 'prefix',
      name: 'eap',
      rule: {
        path: 'secrets.eap<suffix>',
        about: 'a password for EAP',
        keys: { secret: secret('supported', 'the password itself') },
        keyPatterns: [ids('supported', 'a user whose password it is')],
      },
    },
    shared('xauth', 'a password for XAuth'),
    shared('ntlm', 'an NT hash for EAP-MSCHAPv2'),
    {
      match: 'prefix',
      name: 'ppk',
      rule: {
        path: 'secrets.ppk<suffix>',
        about: 'a post-quantum pre-shared key (RFC 8784)',
        keys: {
          secret: secret(
            'supported',
            'the key itself: 32 bytes of true randomness or more, for example 0s and Base64',
          ),
        },
        keyPatterns: [ids('supported', 'a name that peers have for the key')],
      },
    },
    passphrase('private', 'passphrase of a private key'),
    passphrase('rsa', 'passphrase of an RSA key'),
    passphrase('ecdsa', 'passphrase of an ECDSA key'),
    passphrase('pkcs8', 'passphrase of a PKCS#8 key'),
    passphrase('pkcs12', 'passphrase of a PKCS#12 container'),
    token,
  ],
};
