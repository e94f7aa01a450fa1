import type { KeyRule, SectionRule } from '../schema.ts';

const LATER = 'there are no certificates yet, so nothing asks for certification authorities';

function known(kind: 'text' | 'list', about: string): KeyRule {
  return { kind, status: 'no-effect', because: LATER, about };
}

const authoritySection: SectionRule = {
  path: 'authorities.<name>',
  about: 'a certification authority',
  status: 'no-effect',
  because: LATER,
  keys: {
    cacert: known('text', 'its certificate, by name'),
    file: known('text', 'its certificate, by path'),
    handle: known('text', 'its certificate, by CKA_ID on a token'),
    slot: known('text', 'slot of the token'),
    module: known('text', 'PKCS#11 module'),
    crl_uris: known('list', 'where its CRLs are'),
    ocsp_uris: known('list', 'where its OCSP responders are'),
    cert_uri_base: known('text', 'where certificates by hash are'),
  },
};

/** `authorities`. */
export const authoritiesSection: SectionRule = {
  path: 'authorities',
  about: 'all certification authorities',
  keys: {},
  sections: [{ match: 'any', name: '<name>', rule: authoritySection }],
};
