/** What is wrong with a command line may be that a secret stands in it: it is not shown again. */

const shapesOfSecrets = [
  /nsec1[a-z0-9]+/gi,
  /nostr\+?walletconnect:\S+/gi,
  /(?<=:\/\/)[^\s/@]+(?=@)/g,
  /[0-9a-f]{64,}/gi,
  // As many words as a mnemonic has, one after the other.
  /(?:\b[a-z]{3,8}\b[\s"',]+){11,}[a-z]{3,8}/gi
]

export const mask = (text: string): string =>
  shapesOfSecrets.reduce((masked, shape) => masked.replaceAll(shape, "***"), text)
