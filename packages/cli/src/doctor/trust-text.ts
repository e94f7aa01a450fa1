import type { CompiledVpn } from '@ipsec-kit/vpn';

type Trust = Pick<
  NonNullable<ReturnType<CompiledVpn['eap']['connections']['get']>>,
  'anchors' | 'containers' | 'revocation'
>;

/** From whom the certificates of peers have to come, and what has to be known of their revocation; what stands behind "from". */
export function trustText({ anchors, containers, revocation }: Trust): string {
  const named =
    anchors.length === 0
      ? []
      : anchors.length === 1
        ? ['one CA']
        : [`one of ${anchors.length} CAs`];
  const cas = [...named, ...containers.map((name) => `a CA in ${name}`)].join(' or ');
  return `${cas}, ${REVOCATION[revocation]}`;
}

const REVOCATION = {
  strict: 'and something fresh has to say that it is not revoked',
  ifuri: 'and where it names a CRL or an OCSP responder, that has to say that it is not revoked',
  relaxed: 'and nothing may say that it is revoked',
} as const;
