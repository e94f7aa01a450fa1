import type { KeyRule, SectionRule } from '../schema.ts';

function attribute(about: string): KeyRule {
  return { kind: 'list', status: 'supported', about };
}

function notSent(about: string): KeyRule {
  const because =
    'this attribute is one of Cisco or of a draft and is not sent; use subnet, or its number';
  return { kind: 'list', status: 'no-effect', because, about };
}

const poolSection: SectionRule = {
  path: 'pools.<name>',
  about: 'addresses and other attributes for peers',
  keys: {
    addrs: { kind: 'text', status: 'supported', about: 'a prefix or a range of addresses' },
    dns: attribute('DNS servers'),
    nbns: attribute('NetBIOS name servers'),
    dhcp: attribute('DHCP servers'),
    netmask: attribute('netmasks'),
    subnet: attribute('prefixes behind the server'),
    server: notSent('servers'),
    split_include: notSent('prefixes that go through the tunnel'),
    split_exclude: notSent('prefixes that do not go through the tunnel'),
  },
  keyPatterns: [
    {
      matches: /^[1-9]\d{0,4}$/,
      label: '<number>',
      rule: { kind: 'text', status: 'supported', about: 'an attribute by its number, as text' },
    },
  ],
};

/** `pools`. */
export const poolsSection: SectionRule = {
  path: 'pools',
  about: 'all pools',
  keys: {},
  sections: [{ match: 'any', name: '<name>', rule: poolSection }],
};
