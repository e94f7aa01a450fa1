import type { KeyRule, SectionRule } from '../schema.ts';

function supported(kind: 'text' | 'list', about: string): KeyRule {
  return { kind, status: 'supported', about };
}

function onToken(about: string): KeyRule {
  const because = 'certificates on tokens are not there yet: name a file';
  return { kind: 'text', status: 'refused', because, about };
}

const authoritySection: SectionRule = {
  path: 'authorities.<name>',
  about: 'a certification authority',
  keys: {
    cacert: supported('text', 'its certificate: a file in x509ca, or with its path'),
    file: supported('text', 'its certificate, by path'),
    handle: onToken('its certificate, by CKA_ID on a token'),
    slot: onToken('slot of the token'),
    module: onToken('PKCS#11 module'),
    crl_uris: supported('list', 'where its CRLs are, beside what its certificates say'),
    ocsp_uris: supported('list', 'where its OCSP responders are, beside what its certificates say'),
    cert_uri_base: {
      kind: 'text',
      status: 'no-effect',
      because: 'certificates are sent as they are, never by hash and URL',
      about: 'where certificates by hash are',
    },
  },
};

/** `authorities`. */
export const authoritiesSection: SectionRule = {
  path: 'authorities',
  about: 'all certification authorities',
  keys: {},
  sections: [{ match: 'any', name: '<name>', rule: authoritySection }],
};
