/**
 * What must not be said aloud: keys and connection secrets, whatever the words around them, and
 * what somebody said to the agent alone.
 */

/** NIP-19 and NIP-49 secrets, wallet connections, and whatever is as long as a key in hex. */
const secrets =
  /n(?:crypt)?sec1[02-9ac-hj-np-z]{20,}|nostr\+walletconnect:|[?&]secret=|(?<![0-9a-z])[0-9a-f]{64}(?![0-9a-z])/i

/** So many letters in a row, said again, are a quotation. */
const quotation = 24

export const holdsSecret = (text: string): boolean =>
  secrets.test(squeezed(text)) || secrets.test(text)

/** Whether a text says again what was said in private. */
export const quotes = (text: string, privately: ReadonlyArray<string>): boolean => {
  const said = letters(text)
  return privately.some((secret) => {
    const heard = letters(secret)
    if (heard.length < quotation) return heard.length >= 8 && said.includes(heard)
    for (let at = 0; at + quotation <= heard.length; at++)
      if (said.includes(heard.slice(at, at + quotation))) return true
    return false
  })
}

/** Spaces and signs between the letters hide nothing. */
const letters = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "")

const squeezed = (text: string): string => text.replace(/[\s\u200b_*`-]+/g, "")
