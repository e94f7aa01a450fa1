import type { Evp } from './evp.ts';

/** The contexts of one cipher in OpenSSL's memory: made when they are first needed, freed once. */
export interface NativeContexts {
  encrypt: number;
  decrypt: number;
  hmac: number;
  /** The own copy of the keying material, for contexts that are still to be made. */
  readonly key: Uint8Array;
}

/** Frees contexts, which OpenSSL overwrites, and overwrites the key; harmless when repeated. */
export function freeContexts(evp: Evp, contexts: NativeContexts): void {
  if (contexts.encrypt !== 0) evp.freeContext(contexts.encrypt);
  if (contexts.decrypt !== 0) evp.freeContext(contexts.decrypt);
  if (contexts.hmac !== 0) evp.freeHmac(contexts.hmac);
  contexts.encrypt = 0;
  contexts.decrypt = 0;
  contexts.hmac = 0;
  contexts.key.fill(0);
}

/** Throws for a call on a cipher that was closed, and for a call that OpenSSL refused. */
export function requireSuccess(evp: Evp, isDone: boolean, what: string): void {
  if (isDone) return;
  evp.clearErrors();
  throw new Error(`OpenSSL refused to ${what}: this is a defect, or its memory is exhausted`);
}

/** A context that nothing has been set in yet. */
export function newContext(evp: Evp): number {
  const context = evp.newContext();
  requireSuccess(evp, context !== 0, 'make a context');
  return context;
}

/** Throws like {@link requireSuccess}, with the context freed: one without a key must not be used by the next call. */
export function keepIf(evp: Evp, context: number, isDone: boolean, what: string): void {
  if (!isDone) evp.freeContext(context);
  requireSuccess(evp, isDone, what);
}

/** The error for use after {@link NativeContexts} are gone. */
export function closedError(): Error {
  return new Error('"cipher" expected one that is open, got one that was closed');
}
