import { type RegistryNames, registryName, registryNames } from './registry-name.ts';
import {
  EncryptionAlgorithm,
  IntegrityAlgorithm,
  KeyExchangeMethod,
  PseudorandomFunction,
  SequenceNumbers,
} from './transform-ids.ts';

/** Transform types of a proposal. @see RFC 7296 §3.3.2, RFC 9370 §2.2.1 */
export const TransformType = {
  /** Encryption Algorithm */
  ENCR: 1,
  /** Pseudorandom Function */
  PRF: 2,
  /** Integrity Algorithm */
  INTEG: 3,
  /** Key Exchange Method, formerly Diffie-Hellman Group */
  KE: 4,
  /** Sequence Numbers */
  SN: 5,
  /** Extended Sequence Numbers: the name of type 5 before RFC 9827. */
  ESN: 5,
  ADDKE1: 6,
  ADDKE2: 7,
  ADDKE3: 8,
  ADDKE4: 9,
  ADDKE5: 10,
  ADDKE6: 11,
  ADDKE7: 12,
  /** Key Wrap Algorithm */
  KWA: 13,
  /** Group Controller Authentication Method */
  GCAUTH: 14,
} as const;

/** Attributes of a transform. @see RFC 7296 §3.3.5, RFC 9838 */
export const TransformAttributeType = {
  /** Key Length (in bits) */
  KEY_LENGTH: 14,
  SIGNATURE_ALGORITHM_IDENTIFIER: 18,
} as const;

const transformTypeNames: RegistryNames = /* @__PURE__ */ registryNames(TransformType);
const encryptionNames: RegistryNames = /* @__PURE__ */ registryNames(EncryptionAlgorithm);
const prfNames: RegistryNames = /* @__PURE__ */ registryNames(PseudorandomFunction);
const integrityNames: RegistryNames = /* @__PURE__ */ registryNames(IntegrityAlgorithm);
const keyExchangeNames: RegistryNames = /* @__PURE__ */ registryNames(KeyExchangeMethod);
const sequenceNames: RegistryNames = /* @__PURE__ */ registryNames(SequenceNumbers);

/** The abbreviation of a transform type, or `unknown(n)`. */
export function transformTypeName(value: number): string {
  return registryName(transformTypeNames, value);
}

/** The name of a key exchange method, or `unknown(n)`. */
export function keyExchangeMethodName(value: number): string {
  return registryName(keyExchangeNames, value);
}

/** The name of a transform id, which depends on its type, or `unknown(n)`. */
export function transformIdName(type: number, id: number): string {
  return registryName(namesOfType(type), id);
}

const noNames: RegistryNames = new Map();

function namesOfType(type: number): RegistryNames {
  switch (type) {
    case TransformType.ENCR:
      return encryptionNames;
    case TransformType.PRF:
      return prfNames;
    case TransformType.INTEG:
      return integrityNames;
    case TransformType.SN:
      return sequenceNames;
    default:
      return type === TransformType.KE ||
        (type >= TransformType.ADDKE1 && type <= TransformType.ADDKE7)
        ? keyExchangeNames
        : noNames;
  }
}
