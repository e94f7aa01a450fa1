import type { KeyRule, SectionRule } from '../schema.ts';

function noEffect(kind: KeyRule['kind'], about: string, because: string): KeyRule {
  return { kind, status: 'no-effect', because, about };
}

const TNC = 'trusted network connect is not there';
const INNER = 'a server takes all that it has, and a client what the server wants';

/** `charon.plugins.eap-ttls`, as strongswan.conf(5) has it. */
export const ttlsSection: SectionRule = {
  path: 'charon.plugins.eap-ttls',
  about: 'EAP-TTLS of all connections together',
  keys: {
    request_peer_auth: {
      kind: 'boolean',
      default: 'no',
      status: 'supported',
      about: 'whether peers by eap-ttls have to show a certificate as well',
    },
    fragment_size: noEffect('integer', 'bytes of TLS in one packet', 'it is 1024'),
    max_message_count: noEffect('integer', 'most packets', 'a conversation has at most 64 rounds'),
    include_length: noEffect(
      'boolean',
      'whether each packet has the length',
      'the first of several fragments has it (RFC 5216 §2.1.5)',
    ),
    phase2_method: noEffect('text', 'method inside of the tunnel', INNER),
    phase2_piggyback: noEffect('boolean', 'whether the server begins inside', INNER),
    phase2_tnc: noEffect('boolean', 'trusted network connect inside', TNC),
    phase2_tnc_method: noEffect('text', 'how that is carried', TNC),
    load: noEffect('text', 'whether it is loaded', 'there are no plugins'),
  },
};
