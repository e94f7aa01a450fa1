import type { KeyRule, KeyTable, SectionRule } from '../schema.ts';
import { ownLocalKeys, ownRemoteKeys } from './own-keys.ts';

const TOKENS = 'certificates on tokens are not there yet: use certs with a file';
const XAUTH = 'XAuth is of IKEv1, which is not spoken';

const round: KeyRule = {
  kind: 'integer',
  default: '0',
  status: 'no-effect',
  because: 'each side has one round of authentication',
  about: 'order of the rounds',
};

const auth: KeyRule = {
  kind: 'text',
  default: 'pubkey',
  status: 'supported',
  about:
    'how this side proves who it is: psk; pubkey, a certificate, with sizes and algorithms as in rsa-3072, ecdsa-256-sha256, rsa/pss-sha384, ed25519; or EAP: eap-tls, eap-ttls, eap-mschapv2, eap-gtc, eap-md5, eap for what can be done, and of a peer eap-radius',
};

function refusedList(about: string, because: string): KeyRule {
  return { kind: 'list', status: 'refused', because, about };
}

function certificate(path: string): SectionRule {
  return {
    path,
    about: 'a certificate',
    status: 'refused',
    because: TOKENS,
    keys: {
      file: {
        kind: 'text',
        status: 'refused',
        because: TOKENS,
        about: 'path of the certificate',
      },
      handle: {
        kind: 'text',
        status: 'refused',
        because: TOKENS,
        about: 'CKA_ID on a token',
      },
      slot: { kind: 'text', status: 'refused', because: TOKENS, about: 'slot of the token' },
      module: { kind: 'text', status: 'refused', because: TOKENS, about: 'PKCS#11 module' },
    },
  };
}

const localKeys: KeyTable = {
  round,
  auth,
  id: {
    kind: 'text',
    status: 'supported',
    about: 'own identity; absent: the subject of the certificate, with psk the own address',
  },
  certs: {
    kind: 'list',
    status: 'supported',
    about: 'own certificates, in order of preference: files in x509, or with their path',
  },
  pubkeys: {
    kind: 'list',
    status: 'supported',
    about: 'own raw public keys, without a certificate: files in pubkey, or with their path',
  },
  eap_id: { kind: 'text', status: 'supported', about: 'name that EAP goes by; absent: id' },
  aaa_id: {
    kind: 'text',
    status: 'supported',
    about:
      'whom the certificate of the EAP server has to name, with eap-tls and eap-ttls; absent: the identity of the peer',
  },
  xauth_id: { kind: 'text', status: 'no-effect', because: XAUTH, about: 'XAuth user name' },
  ...ownLocalKeys,
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
  eap_id: {
    kind: 'text',
    status: 'supported',
    about:
      'name that the peer has to prove by EAP; %any asks for it and takes everyone, as with eap-radius; absent: the one of its id',
  },
  groups: {
    kind: 'list',
    status: 'refused',
    because: 'group membership cannot be checked yet: every peer with the secret would be let in',
    about: 'groups, one of which the peer must be in',
  },
  cert_policy: refusedList(
    "OIDs that the peer's certificate must have",
    'policies of certificates cannot be required yet: every certificate of the CA would be let in',
  ),
  certs: {
    kind: 'list',
    status: 'supported',
    about: "the peer's certificates, one of which it must have: files in x509, or with their path",
  },
  cacerts: {
    kind: 'list',
    status: 'supported',
    about:
      'CAs, one of which must have issued its certificate: files in x509ca, or with their path, also a PKCS #12 file that secrets name with its password; absent: all in x509ca',
  },
  ca_id: {
    kind: 'text',
    status: 'refused',
    because: 'name the CA in cacerts',
    about: 'identity of a CA in the chain',
  },
  pubkeys: {
    kind: 'list',
    status: 'supported',
    about:
      "the peer's raw public keys, one of which it must have: files in pubkey, or with their path; it goes by its id, which has no wildcard, or by the id of its key",
  },
  revocation: {
    kind: 'choice',
    choices: ['strict', 'ifuri', 'relaxed'],
    default: 'relaxed',
    status: 'supported',
    about:
      'whether a peer is refused of whose certificate nothing says that it is not revoked: strict; ifuri, where it names a CRL or an OCSP responder; or relaxed',
  },
  ...ownRemoteKeys,
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
