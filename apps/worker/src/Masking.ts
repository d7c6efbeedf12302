/** What comes near a log is never a secret; should one ever do, it is not shown. */

const shapesOfSecrets = [/nsec1[a-z0-9]+/gi, /nostr\+?walletconnect:[^\s"]*[0-9a-f]{16}[^\s"]*/gi]

export const mask = (text: string): string =>
  shapesOfSecrets.reduce((masked, shape) => masked.replaceAll(shape, "***"), text)
