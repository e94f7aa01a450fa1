import type { KeyRule, KeyTable, SectionRule } from '../schema.ts';

const CERTIFICATES =
  'authentication with certificates and raw keys is not there yet: use auth = psk with a secret, and leave this out';
const EAP = 'EAP and XAuth are not there yet';

const round: KeyRule = {
  kind: 'integer',
  default: '0',
  status: 'no-effect',
  because: 'each side has one round of authentication',
  about: 'order of the rounds',
};

const auth: KeyRule = {
  kind: 'text',
  status: 'refused',
  because: 'only pre-shared keys are there so far: write auth = psk',
  except: [{ values: ['psk'], status: 'supported' }],
  about:
    'how this side proves who it is: psk. it must be written, since strongSwan takes pubkey when it is absent',
};

function refusedList(about: string): KeyRule {
  return { kind: 'list', status: 'refused', because: CERTIFICATES, about };
}

function certificate(path: string): SectionRule {
  return {
    path,
    about: 'a certificate',
    status: 'refused',
    because: CERTIFICATES,
    keys: {
      file: {
        kind: 'text',
        status: 'refused',
        because: CERTIFICATES,
        about: 'path of the certificate',
      },
      handle: {
        kind: 'text',
        status: 'refused',
        because: CERTIFICATES,
        about: 'CKA_ID on a token',
      },
      slot: { kind: 'text', status: 'refused', because: CERTIFICATES, about: 'slot of the token' },
      module: { kind: 'text', status: 'refused', because: CERTIFICATES, about: 'PKCS#11 module' },
    },
  };
}

const localKeys: KeyTable = {
  round,
  auth,
  id: { kind: 'text', status: 'supported', about: 'own identity; absent: the own address' },
  certs: refusedList('own certificates'),
  pubkeys: refusedList('own raw public keys'),
  eap_id: { kind: 'text', status: 'no-effect', because: EAP, about: 'EAP identity' },
  aaa_id: {
    kind: 'text',
    status: 'no-effect',
    because: EAP,
    about: "identity of the server's EAP method",
  },
  xauth_id: { kind: 'text', status: 'no-effect', because: EAP, about: 'XAuth user name' },
};

const remoteKeys: KeyTable = {
  round,
  auth,
  id: {
    kind: 'text',
    default: '%any',
    status: 'supported',
    about: 'identity that the peer must have; wildcards as in *@example.org',
  },
  eap_id: { kind: 'text', status: 'no-effect', because: EAP, about: 'EAP identity' },
  groups: {
    kind: 'list',
    status: 'refused',
    because: 'group membership cannot be checked yet: every peer with the secret would be let in',
    about: 'groups, one of which the peer must be in',
  },
  cert_policy: refusedList("OIDs that the peer's certificate must have"),
  certs: refusedList("the peer's certificates"),
  cacerts: refusedList('CA certificates'),
  ca_id: {
    kind: 'text',
    status: 'refused',
    because: CERTIFICATES,
    about: 'identity of a CA in the chain',
  },
  pubkeys: refusedList("the peer's raw public keys"),
  revocation: {
    kind: 'choice',
    choices: ['strict', 'ifuri', 'relaxed'],
    default: 'relaxed',
    status: 'no-effect',
    because: 'there are no certificates yet that could be revoked',
    about: 'when a certificate counts as revoked',
  },
};

/** `connections.<conn>.local<suffix>`. */
export const localSection: SectionRule = {
  path: 'connections.<conn>.local<suffix>',
  about: 'how we prove who we are; one round',
  keys: localKeys,
  sections: [
    {
      match: 'prefix',
      name: 'cert',
      rule: certificate('connections.<conn>.local<suffix>.cert<suffix>'),
    },
  ],
};

/** `connections.<conn>.remote<suffix>`. */
export const remoteSection: SectionRule = {
  path: 'connections.<conn>.remote<suffix>',
  about: 'how the peer proves who it is; one round',
  keys: remoteKeys,
  sections: [
    {
      match: 'prefix',
      name: 'cert',
      rule: certificate('connections.<conn>.remote<suffix>.cert<suffix>'),
    },
    {
      match: 'prefix',
      name: 'cacert',
      rule: certificate('connections.<conn>.remote<suffix>.cacert<suffix>'),
    },
  ],
};
