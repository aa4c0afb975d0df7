// The check of DPoP proofs at the MCP server (RFC 9449, sections 4.3 and 7), written anew: nothing of the helper
// and nothing of oidc-provider is used.
//
// Owns: signature, method, URL, token, age, replay and nonce of a proof, and the thumbprint of its key.
// Refuses to know: whether the token is good (resource.mjs asks the provider).

import { createHash, createPublicKey, verify } from 'node:crypto';

const WINDOW_SECONDS = 300;

const sha256 = (text) => createHash('sha256').update(text).digest('base64url');
const part = (text) => JSON.parse(Buffer.from(text, 'base64url').toString());

function isSigned(input, signature, jwk) {
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  return verify('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
}

/** The thumbprint of an EC key (RFC 7638, section 3). */
const thumbprint = ({ crv, kty, x, y }) => sha256(JSON.stringify({ crv, kty, x, y }));

export class Proofs {
  #seen = new Set();

  /** `nonce` is the one to demand, or undefined. */
  constructor({ nonce }) {
    this.nonce = nonce;
  }

  /** The thumbprint of the key that is proved, or the error of RFC 9449. */
  check(request, url, token) {
    try {
      return this.#checked(String(request.headers.dpop), request.method, url, token);
    } catch (error) {
      return { error: 'invalid_dpop_proof', reason: error.message };
    }
  }

  #checked(proof, method, url, token) {
    const [head, body, signature] = proof.split('.');
    const [header, claims] = [part(head), part(body)];
    const wrong = {
      typ: header.typ !== 'dpop+jwt',
      alg: header.alg !== 'ES256' || header.jwk.kty !== 'EC' || 'd' in header.jwk,
      signature: !isSigned(`${head}.${body}`, signature, header.jwk),
      htm: claims.htm !== method,
      htu: claims.htu !== url,
      ath: claims.ath !== sha256(token),
      iat: Math.abs(claims.iat - Date.now() / 1000) > WINDOW_SECONDS,
      jti: typeof claims.jti !== 'string' || this.#seen.has(claims.jti),
    };
    const found = Object.keys(wrong).filter((name) => wrong[name]);
    if (found.length > 0) return { error: 'invalid_dpop_proof', reason: found.join(', ') };
    if (this.nonce && claims.nonce !== this.nonce) return { error: 'use_dpop_nonce' };
    this.#seen.add(claims.jti);
    return { jkt: thumbprint(header.jwk) };
  }
}
