import type { Clock, Instant } from '@ipsec-kit/clock';
import type { CryptoProvider, RandomSource, SignatureProvider } from '@ipsec-kit/crypto';
import { bytesEqual } from '@ipsec-kit/crypto';
import type { Scheduler } from '@ipsec-kit/scheduler';
import {
  type Certificate,
  createEvidenceKeeper,
  type EvidenceFetch,
  type EvidenceKeeperInput,
  type EvidenceKeeperOutput,
  examineEvidence,
  type IssuedCertificate,
  type OcspResponse,
  type PathPolicy,
  type RevocationList,
  serialText,
  speaksOf,
} from '@ipsec-kit/x509';
import { fetchEvidence } from '@ipsec-kit/x509/node';
import type { AuthorityPlaces } from './compiled-credentials.ts';
import type { ListStore } from './list-store.ts';

/** What evidence is made of and with. */
export interface EvidenceOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Milliseconds since 1970. */
  readonly dateMs: () => number;
  readonly scheduler: Pick<Scheduler, 'schedule' | 'cancel'>;
  readonly crypto: Pick<CryptoProvider, 'sha1'>;
  readonly random: RandomSource;
  readonly signatures: SignatureProvider;
  readonly policy: PathPolicy;
  readonly places: readonly AuthorityPlaces[];
  /** CRLs of the configuration. */
  readonly store: Pick<ListStore, 'lists'>;
  /** Gets an answer of a responder, or a CRL; default over HTTP. */
  readonly fetch?: (fetch: EvidenceFetch) => Promise<Uint8Array | undefined>;
}

/** CRLs and OCSP responses: fetched once for all who want them, kept until they run out. */
export interface Evidence {
  readonly lists: readonly RevocationList[];
  readonly responses: readonly OcspResponse[];
  /** Whether a CRL that is here has a certificate, verified or not. */
  isListed(certificate: Pick<Certificate, 'issuer' | 'serialNumber'>): boolean;
  /** Whether anybody can be asked about a certificate. */
  hasSource(certificate: IssuedCertificate): boolean;
  /** Resolves when all that can be found out about these certificates has been; after some seconds at most. Never rejects. */
  find(certificates: readonly IssuedCertificate[], freshSince?: Instant): Promise<void>;
  /** The OCSP response on a certificate, asked for where none is here that has not run out; after some seconds at most. Never rejects. */
  responseOn(certificate: IssuedCertificate): Promise<OcspResponse | undefined>;
}

type TimelessInput = EvidenceKeeperInput extends infer Input
  ? Input extends EvidenceKeeperInput
    ? Omit<Input, 'now' | 'atMs'>
    : never
  : never;

const DEADLINE = 'revocation-evidence';

/** Makes the evidence of one tunnel; nothing is fetched before it is asked for. */
export function createEvidence(options: EvidenceOptions): Evidence {
  const { clock, dateMs, scheduler, crypto, random, fetch = fetchEvidence } = options;
  const keeper = createEvidenceKeeper(crypto, random);
  const waiting = new Map<number, () => void>();
  let lastTicket = 0;

  function feed(input: TimelessInput): void {
    for (const output of keeper.handle({ ...input, now: clock.now(), atMs: dateMs() })) {
      perform(output);
    }
    const deadline = keeper.nextDeadline();
    if (deadline) scheduler.schedule(DEADLINE, deadline, () => feed({ kind: 'timeout' }));
    else scheduler.cancel(DEADLINE);
  }

  function perform(output: EvidenceKeeperOutput): void {
    if (output.kind === 'settled') {
      waiting.get(output.ticket)?.();
      waiting.delete(output.ticket);
      return;
    }
    void fetchOne(output.fetch).then((evidence) =>
      feed({ kind: 'fetched', id: output.fetch.id, ...(evidence ? { evidence } : {}) }),
    );
  }

  async function fetchOne(one: EvidenceFetch) {
    const answer = await fetch(one).catch(() => undefined);
    if (answer === undefined) return undefined;
    const { signatures, policy } = options;
    return examineEvidence(one, answer, { signatures, crypto, policy, atMs: dateMs() });
  }

  /** A certificate with the places that the configuration knows for its CA. */
  function placed({ certificate, issuer }: IssuedCertificate): IssuedCertificate {
    const known = options.places.filter(({ subject }) => bytesEqual(subject, issuer.subject));
    if (known.length === 0) return { certificate, issuer };
    const { crlUrls, ocspUrls } = certificate.extensions;
    const extensions = {
      ...certificate.extensions,
      crlUrls: [...known.flatMap((place) => place.crlUrls), ...crlUrls],
      ocspUrls: [...known.flatMap((place) => place.ocspUrls), ...ocspUrls],
    };
    return { certificate: { ...certificate, extensions }, issuer };
  }

  function want(certificates: readonly IssuedCertificate[], freshSince?: Instant): Promise<void> {
    lastTicket += 1;
    const ticket = lastTicket;
    return new Promise((resolve) => {
      waiting.set(ticket, resolve);
      const since = freshSince === undefined ? {} : { freshSince };
      feed({ kind: 'wanted', ticket, certificates, ...since });
    });
  }

  return {
    get lists() {
      return [...options.store.lists, ...keeper.lists];
    },
    get responses() {
      return keeper.responses;
    },
    isListed({ issuer, serialNumber }) {
      const serial = serialText(serialNumber);
      return [...options.store.lists, ...keeper.lists].some(
        (list) => list.revoked.has(serial) && bytesEqual(list.issuer, issuer),
      );
    },
    hasSource(one) {
      const { crlUrls, ocspUrls } = placed(one).certificate.extensions;
      return crlUrls.length + ocspUrls.length > 0;
    },
    find(certificates, freshSince) {
      return want(certificates.map(placed), freshSince);
    },
    async responseOn(one) {
      const { certificate, issuer } = placed(one);
      const extensions = { ...certificate.extensions, crlUrls: [] };
      if (extensions.ocspUrls.length === 0) return undefined;
      await want([{ certificate: { ...certificate, extensions }, issuer }]);
      const about = { certificate, issuer };
      // The newest is the last.
      return keeper.responses.filter((response) => speaksOf({ response, ...about }, crypto)).at(-1);
    },
  };
}
