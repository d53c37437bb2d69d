// Executes a declarative Jenkinsfile with the steps of vars/ as a Jenkins agent would: the same Groovy, shell steps as processes with
// Jenkins' environment and `sh -xe`, and secrets hidden in the log. Arguments: the library's folder, the Jenkinsfile, a JSON file with
// credentials by their ids. Status 1: the pipeline failed. SIGTERM is passed on to the step, as an abort is.
import groovy.json.JsonSlurper

class Agent {
    List<Map> scopes = [new HashMap(System.getenv())]
    List<String> masked = []
    Map credentials
    File library
    Process running
    boolean aborted, ended

    Map getVariables() { scopes.last() }

    def within(Map more, Closure body) {
        scopes << (variables + more)
        try {
            return body()
        } finally {
            scopes.remove(scopes.size() - 1)
        }
    }

    void log(String line) {
        masked.each { line = line.replace(it, '****') }
        println line
    }

    String shell(Map step) {
        log "[Pipeline] sh (${step.label})"
        def builder = new ProcessBuilder('sh', '-xec', step.script.toString()).directory(new File('.').absoluteFile)
        builder.environment().clear()
        builder.environment().putAll(variables)
        running = builder.start()
        def out = new StringBuilder()
        def errors = Thread.start { running.errorStream.eachLine { log it } }
        running.inputStream.eachLine { step.returnStdout ? out.append(it).append('\n') : log(it) }
        errors.join()
        int status = running.waitFor()
        if (status != 0) {
            throw new IllegalStateException("script returned exit code ${status}")
        }
        return out
    }

    /** Ends the step and what it has started, as Jenkins does, which knows them by a variable of their environment. */
    void abort(Thread pipeline) {
        if (ended) {
            return
        }
        aborted = true
        if (running?.alive) {
            running.descendants().each { it.destroy() }
            running.toHandle().destroy() // and not Process.destroy, which closes what the step still writes to
        }
        pipeline.join() // it ends by itself, after what it does in any case
    }

    def credential(Map asked) {
        def known = credentials[asked.credentialsId]
        if (known == null) {
            throw new IllegalStateException("Could not find credentials entry with ID '${asked.credentialsId}'")
        }
        def values = asked.variable ? [(asked.variable): known] : [(asked.usernameVariable): known.username, (asked.passwordVariable): known.password]
        masked << (asked.variable ? known : known.password)
        return values
    }
}

def agent = new Agent(library: new File(args[0]), credentials: new JsonSlurper().parse(new File(args[2])))
def pipeline = Thread.currentThread()
Runtime.runtime.addShutdownHook(new Thread({ agent.abort(pipeline) }))

def binding = new Binding()
def run = { Closure body -> body.delegate = binding; body() }
binding.with {
    sh = { Map step -> agent.shell(step) }
    withEnv = { List list, Closure body -> agent.within(list.collectEntries { it.toString().split('=', 2) as List }, body) }
    withCredentials = { List list, Closure body -> agent.within(list.inject([:]) { all, one -> all + one }, body) }
    usernamePassword = { Map asked -> agent.credential(asked) }
    string = { Map asked -> agent.credential(asked) }
    error = { String text -> throw new IllegalStateException(text) }
    fileExists = { new File(it.toString()).exists() }
    junit = { Map step ->
        def cases = new XmlSlurper().parse(new File(step.testResults.toString())).'**'.findAll { it.name() == 'testcase' }
        agent.log "[Pipeline] junit: ${cases.size()} tests, ${cases.count { it.failure.size() + it.error.size() > 0 }} failed"
    }
    label = { }
    timeout = { Map limit -> }
    echo = { agent.log it.toString() }
    none = null
    ['pipeline', 'options', 'stages', 'steps', 'script'].each { name -> setVariable(name, run) }
    setVariable('agent', { wanted -> if (wanted) { run(wanted) } })
    stage = { String name, Closure body -> agent.log "[Pipeline] stage (${name})"; body() }
}
// A matrix of one axis: its stages, for each value. The axis is read first.
def cells = [:]
def nothing = { ignored -> }
binding.with {
    name = { cells.name = it }
    values = { Object[] list -> cells.list = list as List }
    matrix = { Closure body ->
        def hidden = ['agent', 'stages'].collectEntries { [(it): binding.getVariable(it)] }
        hidden.keySet().each { binding.setVariable(it, nothing) }
        ['axes', 'axis'].each { binding.setVariable(it, run) }
        run(body)
        hidden.each { binding.setVariable(it.key, it.value) }
        binding.setVariable('axes', nothing)
        cells.list.each { value ->
            binding.setVariable(cells.name, value)
            agent.within([(cells.name): value]) { run(body) }
        }
    }
}
binding.setVariable('env', new Expando() {
    def getProperty(String name) { agent.variables[name] }
    def getAt(String name) { agent.variables[name] }
})

def shell = new GroovyShell(binding)
agent.library.listFiles().findAll { it.name.endsWith('.groovy') }.each { file ->
    def step = shell.parse(file)
    binding.setVariable(file.name - '.groovy', { Map settings -> step.call(settings) })
}
int status = 0
try {
    // @Library is an annotation of Jenkins; here the library is there already.
    shell.evaluate(new File(args[1]).text.replaceAll(/(?m)^@Library.*$/, ''))
} catch (IllegalStateException failed) {
    println "ERROR: ${failed.message}"
    status = 1
}
agent.ended = true
if (!agent.aborted) {
    System.exit(status)
}
