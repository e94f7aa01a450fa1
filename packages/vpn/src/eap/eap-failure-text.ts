import { type EapFailure, eapTypeName } from '@ipsec-kit/eap';

/** A conversation that failed. */
export interface FailedEap {
  readonly side: 'peer' | 'authenticator' | 'radius';
  /** Printed as it is known here. */
  readonly user: string;
  readonly methods: readonly string[];
  /** Their types. */
  readonly types: readonly number[];
  readonly reason: EapFailure;
  /** Type of the last packet of a method from the other end. */
  readonly lastType: number | undefined;
  /** What was seen to be wrong on the way, such as a certificate. */
  readonly detail: string | undefined;
}

/** Why a conversation failed, in words for this side: begins small, without a full stop. No password is in it. */
export function eapFailureText(failed: FailedEap): string {
  if (failed.detail) return failed.detail;
  switch (failed.side) {
    case 'peer':
      return peerText(failed);
    case 'authenticator':
      return authenticatorText(failed);
    default:
      return radiusText(failed);
  }
}

function peerText({ user, methods, types, reason, lastType }: FailedEap): string {
  const isStrange = lastType !== undefined && !types.includes(lastType);
  switch (reason) {
    case 'refused':
      // So it is of a server whose RADIUS server is silent, which is nothing that this side could mend.
      if (lastType === undefined)
        return `the server refused ${user} before it asked for any proof; check the name, and whether the server reaches what knows its users`;
      return isStrange
        ? `the server wants ${eapTypeName(lastType)}, and this side has ${methods.join(', ')}; set both sides to the same method`
        : `the server refused ${user}; check the name and the password, or the certificate`;
    case 'wrong-credentials':
      return `the server does not take the password or the certificate of ${user}, or there is none; check eap_id and the secrets`;
    case 'server-not-authenticated':
      return `the server has not shown that it knows ${user} or is the one that it should be; check the password, the CA and aaa_id`;
    case 'unexpected-success':
      return 'the server said that it is over before the method was';
    default:
      return COMMON[reason];
  }
}

function authenticatorText({ user, methods, reason }: FailedEap): string {
  switch (reason) {
    case 'wrong-credentials':
      return `the password or certificate of ${user} is wrong, or there is no such user; check eapSecrets (secrets.eap)`;
    case 'no-method':
      return `it takes none of ${methods.join(', ')}; set both sides to the same method`;
    case 'refused':
    case 'server-not-authenticated':
    case 'unexpected-success':
      return `it ended the conversation as ${user}`;
    default:
      return COMMON[reason];
  }
}

function radiusText({ user, reason }: FailedEap): string {
  switch (reason) {
    case 'refused':
      return `the RADIUS server rejected ${user}; its log says why`;
    case 'work-failed':
      return 'no RADIUS server answered in time; check its address, its port, and that both have the same secret';
    case 'protocol-error':
      return `the RADIUS server or ${user} sent what cannot be understood`;
    default:
      return authenticatorText({
        ...{ side: 'radius', user, methods: [], types: [], reason },
        ...{ lastType: undefined, detail: undefined },
      });
  }
}

const COMMON = {
  'no-method': 'there is no method in common',
  'protocol-error': 'a packet of the EAP conversation cannot be understood',
  'too-many-rounds': 'the EAP conversation does not end',
  'work-failed': 'the work for the EAP method could not be done here',
} as const;
