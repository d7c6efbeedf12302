/** What is wrong with a command line may be that a secret stands in it: it is not shown again. */

const shapesOfSecrets = [
  /nsec1[a-z0-9]+/gi,
  /nostr\+?walletconnect:\S+/gi,
  /(?<=:\/\/)[^\s/@]+(?=@)/g,
  /[0-9a-f]{64,}/gi
]

export const mask = (text: string): string =>
  shapesOfSecrets.reduce((masked, shape) => masked.replaceAll(shape, "***"), text)
