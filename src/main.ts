const [command, ...rest] = process.argv.slice(2)
const asksForHelp = rest.some((argument) => argument === '--help' || argument === '-h')

// An agent waits for `rutter mcp`: it must not load the command line, which brings a parser and tables for people.
if (command === 'mcp' && !asksForHelp) {
  const { startMcp } = await import('./start-mcp.ts')
  startMcp(rest)
} else {
  console.error('cli comes')
}
