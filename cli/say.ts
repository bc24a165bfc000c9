/** Prints a line. What others wrote (a camera's name, a hub's answer) must not move the terminal. */
export function say(text: string): void {
  process.stdout.write(`${text.replace(/[^\P{Cc}\n\t]/gu, '\ufffd')}\n`)
}
