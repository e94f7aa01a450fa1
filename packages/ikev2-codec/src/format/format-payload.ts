import { formatAddress, formatPrefix, formatSelector } from '@ipsec-kit/ip';
import { decodeConfigAddress, decodeConfigSubnet } from '../config-attributes.ts';
import type {
  ConfigAttribute,
  IdPayload,
  NotifyPayload,
  Payload,
  SaPayload,
  TsPayload,
} from '../message.ts';
import { decodeUint16List, notifyUint16 } from '../notify.ts';
import { authMethodName } from '../registries/auth-method.ts';
import { certEncodingName } from '../registries/cert-encoding.ts';
import { configAttributeTypeName } from '../registries/config-attribute-type.ts';
import { configTypeName } from '../registries/config-type.ts';
import { hashAlgorithmName } from '../registries/hash-algorithm.ts';
import { IdType, idTypeName } from '../registries/id-type.ts';
import { NotifyType, notifyTypeName } from '../registries/notify-type.ts';
import { payloadTypeName } from '../registries/payload-type.ts';
import { protocolIdName } from '../registries/protocol-id.ts';
import { keyExchangeMethodName } from '../registries/transform-type.ts';
import { tsTypeName } from '../registries/ts-type.ts';
import { formatProposal } from './format-proposal.ts';
import { hexText, printableText } from './printable.ts';

/** One payload for people: a title, and a line for each part that deserves its own. */
export function formatPayload(payload: Payload): readonly string[] {
  const [title = '', ...parts] = payloadLines(payload);
  return [payload.critical ? `${title} (critical)` : title, ...parts];
}

function payloadLines(payload: Payload): readonly string[] {
  switch (payload.type) {
    case 'SA':
      return saLines(payload);
    case 'KE':
      return [`KE ${keyExchangeMethodName(payload.method)}: ${hexText(payload.data)}`];
    case 'IDi':
    case 'IDr':
      return [`${payload.type} ${idTypeName(payload.idType)}: ${idText(payload)}`];
    case 'CERT':
    case 'CERTREQ':
      return [`${payload.type} ${certEncodingName(payload.encoding)}: ${hexText(payload.data)}`];
    case 'AUTH':
      return [`AUTH ${authMethodName(payload.method)}: ${payload.data.length} bytes`];
    case 'Nonce':
      return [`Nonce: ${hexText(payload.data)}`];
    case 'N':
      return [notifyText(payload)];
    case 'D': {
      const spis = payload.spis.map((spi) => hexText(spi)).join(' ');
      return [`Delete ${protocolIdName(payload.protocol)}${spis === '' ? '' : `: ${spis}`}`];
    }
    case 'V':
      return [`Vendor ID: ${printableText(payload.data)}`];
    case 'TSi':
    case 'TSr':
      return [payload.type, ...selectorLines(payload)];
    case 'CP':
      return [`CP ${configTypeName(payload.configType)}`, ...payload.attributes.map(attributeText)];
    case 'EAP':
      return [`EAP: ${payload.data.length} bytes`];
    case 'SK':
      return [`SK first ${payloadTypeName(payload.firstPayload)}: ${payload.body.length} bytes`];
    case 'SKF':
      return [
        `SKF fragment ${payload.fragmentNumber} of ${payload.totalFragments}: ${payload.body.length} bytes`,
      ];
    case 'unknown':
      return [`${payloadTypeName(payload.payloadType)}: ${hexText(payload.data)}`];
  }
}

function saLines(payload: SaPayload): readonly string[] {
  const proposals = payload.proposals.map((proposal) => {
    const spi = proposal.spi.length === 0 ? '' : ` SPI ${hexText(proposal.spi)}`;
    return `proposal ${proposal.number}${spi} ${formatProposal(proposal)}`;
  });
  return ['SA', ...proposals];
}

function idText(payload: IdPayload): string {
  const { data, idType } = payload;
  if (idType === IdType.ID_IPV4_ADDR) return formatAddress({ version: 4, bytes: data });
  if (idType === IdType.ID_IPV6_ADDR) return formatAddress({ version: 6, bytes: data });
  return printableText(data);
}

function notifyText(payload: NotifyPayload): string {
  const { spi, protocol, data } = payload;
  const name = `N ${notifyTypeName(payload.notify)}`;
  const about = spi.length === 0 ? '' : ` about ${protocolIdName(protocol)} ${hexText(spi)}`;
  return data.length === 0 ? `${name}${about}` : `${name}${about}: ${notifyDataText(payload)}`;
}

function notifyDataText(payload: NotifyPayload): string {
  const method = notifyUint16(payload);
  if (payload.notify === NotifyType.INVALID_KE_PAYLOAD && method !== undefined) {
    return keyExchangeMethodName(method);
  }
  const hashes = decodeUint16List(payload.data);
  if (payload.notify === NotifyType.SIGNATURE_HASH_ALGORITHMS && hashes) {
    return hashes.map(hashAlgorithmName).join(' ');
  }
  return hexText(payload.data);
}

function selectorLines(payload: TsPayload): readonly string[] {
  return payload.selectors.map((selector) =>
    'raw' in selector
      ? `${tsTypeName(selector.tsType)}: ${hexText(selector.raw)}`
      : formatSelector(selector),
  );
}

function attributeText(attribute: ConfigAttribute): string {
  const name = configAttributeTypeName(attribute.type);
  if (attribute.value.length === 0) return name;
  const address = decodeConfigAddress(attribute);
  if (address) return `${name}: ${formatAddress(address)}`;
  const subnet = decodeConfigSubnet(attribute);
  return `${name}: ${subnet ? formatPrefix(subnet) : printableText(attribute.value)}`;
}
