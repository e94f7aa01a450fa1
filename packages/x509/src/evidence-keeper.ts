import { addMs, type Deadline, type Instant, type Machine } from '@ipsec-kit/clock';
import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import type {
  EvidenceFetch,
  EvidenceKeeperInput,
  EvidenceKeeperOptions,
  EvidenceKeeperOutput,
  RevocationEvidence,
} from './evidence-contract.ts';
import { encodeOcspRequest, OCSP_NONCE_BYTES } from './ocsp-request.ts';
import { MAX_OCSP_RESPONSE_BYTES, type OcspResponse } from './ocsp-response.ts';
import { MAX_REVOCATION_LIST_BYTES, type RevocationList, serialText } from './revocation-list.ts';
import type { IssuedCertificate } from './revocation-status.ts';

const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_FAILURE_MEMORY_MS = 60_000;
const DEFAULT_PARALLEL_FETCHES = 4;
/** CRLs of 4 MB at most, and OCSP responses of 64 kB. */
const MAX_KEPT = { list: 16, response: 256 } as const;
const MAX_FAILURES = 256;
/** Most fetches that wait; what is wanted beyond is settled at once, as not found. */
const MAX_WAITING = 1_024;
/** A fetch that the caller forgets is given up this long after its time. */
const PATIENCE_MS = 1_000;

/** What is to be found out: its sources in order, the next of which is tried when one fails. */
interface Search {
  readonly key: string;
  readonly about: IssuedCertificate;
  sources: readonly Source[];
  readonly tickets: Set<number>;
  /** What was asked for earlier is not good enough. */
  freshSince: Instant | undefined;
}

type Source = Pick<EvidenceFetch, 'source' | 'url'>;

/** One fetch: what it is for, and under which key its outcome is remembered. */
interface Running {
  readonly search: Search;
  readonly key: string;
  readonly startedAt: Instant;
}

/** Keeps CRLs and OCSP responses until they run out, and says what is to be fetched, once for all who want it. Bounded in what it
 * keeps, in what runs at the same time, and in how often it asks a source that fails.
 */
export interface EvidenceKeeper extends Machine<EvidenceKeeperInput, EvidenceKeeperOutput> {
  /** For the check of a path; may have run out since. */
  readonly lists: readonly RevocationList[];
  readonly responses: readonly OcspResponse[];
}

/** Makes a keeper. @param random - for the nonces. */
export function createEvidenceKeeper(
  crypto: Pick<CryptoProvider, 'sha1'>,
  random: RandomSource,
  options: EvidenceKeeperOptions = {},
): EvidenceKeeper {
  const {
    fetchTimeoutMs = DEFAULT_TIMEOUT_MS,
    failureMemoryMs = DEFAULT_FAILURE_MEMORY_MS,
    parallelFetches = DEFAULT_PARALLEL_FETCHES,
  } = options;
  /** By what it is about and where it is from, in the order in which it came. */
  const kept = new Map<
    string,
    { readonly evidence: RevocationEvidence; readonly startedAt: Instant }
  >();
  /** When a fetch that failed had begun. */
  const failures = new Map<string, Instant>();
  const waiting = new Map<string, Search>();
  const running = new Map<number, Running>();
  /** How much is not found out yet for a ticket, and whether all of the rest was. */
  const open = new Map<number, { left: number; isComplete: boolean }>();
  let lastFetch = 0;

  const keep = (key: string, evidence: RevocationEvidence, startedAt: Instant): void => {
    kept.delete(key);
    kept.set(key, { evidence, startedAt });
    const same = [...kept].filter(([, one]) => one.evidence.kind === evidence.kind);
    const [oldest] = same;
    if (oldest && same.length > MAX_KEPT[evidence.kind]) kept.delete(oldest[0]);
  };

  const isKept = (key: string, freshSince: Instant | undefined, atMs: number): boolean => {
    const one = kept.get(key);
    if (one === undefined || !isGood(one.evidence, atMs)) return false;
    return freshSince === undefined || one.startedAt >= freshSince;
  };

  const isQuiet = (key: string, freshSince: Instant | undefined, now: Instant): boolean => {
    const failedAt = failures.get(key);
    if (failedAt === undefined) return false;
    return freshSince === undefined
      ? now < addMs(failedAt, failureMemoryMs)
      : failedAt >= freshSince;
  };

  const isRunning = (key: string): boolean => [...running.values()].some((one) => one.key === key);

  const finish = (search: Search, isFound: boolean): readonly EvidenceKeeperOutput[] =>
    [...search.tickets].flatMap((ticket) => {
      const state = open.get(ticket);
      if (state === undefined) return [];
      state.left -= 1;
      state.isComplete &&= isFound;
      if (state.left > 0) return [];
      open.delete(ticket);
      return [{ kind: 'settled', ticket, isComplete: state.isComplete }];
    });

  const fetchOf = (search: Search, source: Source): EvidenceFetch => {
    lastFetch += 1;
    const { about } = search;
    const base = { id: lastFetch, about, ...source, timeoutMs: fetchTimeoutMs };
    if (source.source === 'crl') return { ...base, maximumBytes: MAX_REVOCATION_LIST_BYTES };
    const nonce = new Uint8Array(OCSP_NONCE_BYTES);
    random.fill(nonce);
    const body = encodeOcspRequest({ ...about, nonce }, crypto);
    return { ...base, body, nonce, maximumBytes: MAX_OCSP_RESPONSE_BYTES };
  };

  /** What a search does next: its end, a fetch, or nothing while another one asks the same. */
  const advance = (search: Search, now: Instant, atMs: number): readonly EvidenceKeeperOutput[] => {
    const { about, freshSince, key } = search;
    for (const source of search.sources) {
      const evidence = evidenceKey(about, source);
      if (isKept(evidence, freshSince, atMs)) {
        waiting.delete(key);
        return finish(search, true);
      }
      if (isQuiet(evidence, freshSince, now)) continue;
      if (running.size >= parallelFetches || isRunning(evidence)) return [];
      waiting.delete(key);
      const fetch = fetchOf(search, source);
      running.set(fetch.id, { search, key: evidence, startedAt: now });
      return [{ kind: 'fetch', fetch }];
    }
    waiting.delete(key);
    return finish(search, false);
  };

  const advanceAll = (now: Instant, atMs: number): readonly EvidenceKeeperOutput[] =>
    [...waiting.values()].flatMap((search) => advance(search, now, atMs));

  const onWanted = (
    input: EvidenceKeeperInput & { readonly kind: 'wanted' },
  ): readonly EvidenceKeeperOutput[] => {
    const { ticket, certificates, freshSince } = input;
    const state = { left: 0, isComplete: true };
    for (const about of certificates) {
      const search = searchFor(about, freshSince);
      if (search === undefined) state.isComplete = false;
      // Two certificates of one CA may share a CRL.
      else if (!search.tickets.has(ticket)) {
        state.left += 1;
        search.tickets.add(ticket);
      }
    }
    if (state.left === 0) return [{ kind: 'settled', ticket, isComplete: state.isComplete }];
    open.set(ticket, state);
    return [];
  };

  /** The search that will do, or a new one; none when too much waits already. */
  const searchFor = (
    about: IssuedCertificate,
    freshSince: Instant | undefined,
  ): Search | undefined => {
    const sources = sourcesOf(about);
    const key = sources.map((source) => evidenceKey(about, source)).join('\n');
    for (const { search, startedAt } of running.values()) {
      const isFresh = freshSince === undefined || startedAt >= freshSince;
      if (search.key === key && isFresh) return search;
    }
    const found = waiting.get(key);
    if (found) {
      const isLater = freshSince !== undefined && freshSince > (found.freshSince ?? -1);
      if (isLater) found.freshSince = freshSince;
      return found;
    }
    if (waiting.size >= MAX_WAITING) return undefined;
    const search = { key, about, sources, tickets: new Set<number>(), freshSince };
    waiting.set(key, search);
    return search;
  };

  const onFetched = (id: number, evidence: RevocationEvidence | undefined, atMs: number): void => {
    const one = running.get(id);
    if (one === undefined) return;
    running.delete(id);
    const { search, key, startedAt } = one;
    failures.delete(key);
    if (evidence && isGood(evidence, atMs)) keep(key, evidence, startedAt);
    else {
      failures.set(key, startedAt);
      const [oldest] = failures.keys();
      if (failures.size > MAX_FAILURES && oldest !== undefined) failures.delete(oldest);
      search.sources = search.sources.filter((source) => evidenceKey(search.about, source) !== key);
    }
    const other = waiting.get(search.key);
    // A later search for the same stands already: it does for both.
    if (other) for (const ticket of search.tickets) other.tickets.add(ticket);
    else waiting.set(search.key, search);
  };

  const forgetOld = (atMs: number): void => {
    for (const [key, { evidence }] of kept) if (!isGood(evidence, atMs)) kept.delete(key);
  };

  return {
    get lists() {
      return [...kept.values()].flatMap(({ evidence: one }) =>
        one.kind === 'list' ? [one.list] : [],
      );
    },
    get responses() {
      return [...kept.values()].flatMap(({ evidence: one }) =>
        one.kind === 'response' ? [one.response] : [],
      );
    },
    handle(input) {
      const { now, atMs } = input;
      const outputs: EvidenceKeeperOutput[] = [];
      if (input.kind === 'wanted') outputs.push(...onWanted(input));
      else if (input.kind === 'fetched') onFetched(input.id, input.evidence, atMs);
      else {
        forgetOld(atMs);
        for (const [id, { startedAt }] of [...running]) {
          if (addMs(startedAt, fetchTimeoutMs + PATIENCE_MS) <= now) onFetched(id, undefined, atMs);
        }
      }
      return [...outputs, ...advanceAll(now, atMs)];
    },
    nextDeadline(): Deadline | undefined {
      // They began in this order.
      const [first] = running.values();
      if (first === undefined) return undefined;
      const at = addMs(first.startedAt, fetchTimeoutMs + PATIENCE_MS);
      return { name: 'revocation evidence', at, toleranceMs: PATIENCE_MS, wake: 'process' };
    },
  };
}

/** OCSP first: it is smaller and newer. */
function sourcesOf({ certificate }: IssuedCertificate): readonly Source[] {
  const { ocspUrls, crlUrls } = certificate.extensions;
  return [
    ...ocspUrls.map((url) => ({ source: 'ocsp', url }) as const),
    ...crlUrls.map((url) => ({ source: 'crl', url }) as const),
  ];
}

/** A CRL is of a CA and its key, a response of one certificate. */
function evidenceKey({ certificate, issuer }: IssuedCertificate, { source, url }: Source): string {
  const about = source === 'ocsp' ? `${serialText(certificate.serialNumber)} ` : '';
  return `${source} ${about}${serialText(issuer.publicKey)} ${url}`;
}

function isGood(evidence: RevocationEvidence | undefined, atMs: number): boolean {
  if (evidence === undefined || atMs > evidence.validUntilMs) return false;
  return evidence.kind === 'list' || evidence.isTelling;
}
