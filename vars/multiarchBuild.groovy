/**
 * Runs multiarch-action, which the agent must have in its PATH, and returns the image with its digest.
 *
 * Every input of the program is a setting, as platforms or buildArgs: texts, numbers, true and false, lists, and maps
 * of names and values. It gets them in its environment. Settings of this step alone:
 *
 *   command            build (default), publish or promote
 *   logins             registry → id of credentials of the kind "username with password"
 *   secretCredentials  id of a secret of the build → id of credentials of the kind "secret text"
 */
String call(Map settings = [:]) {
    Map inputs = [:] + settings
    String command = inputs.remove('command') ?: 'build'
    Map logins = inputs.remove('logins') ?: [:]
    Map secrets = inputs.remove('secretCredentials') ?: [:]
    refuse(command, inputs)

    // Beside the workspace it would not be found, and in the context it would change what is built next: so it is
    // taken away at once.
    String results = "multiarch-action-${UUID.randomUUID()}.xml"
    if (command == 'build' && !inputs.junit) {
        inputs.junit = results
    }
    inputs.secretEnvs = secretVariables(secrets) + asLines(inputs.secretEnvs)
    String image = ''
    withCredentials(bindings(logins, secrets)) {
        withEnv(variables(inputs) + authentication(logins)) {
            try {
                String line = "multiarch-action ${command}"
                image = sh(label: line, script: line, returnStdout: true).trim()
            } finally {
                if (fileExists(results)) {
                    junit(testResults: results)
                    sh(label: 'remove the results', script: "rm -f ${results}")
                }
            }
        }
    }
    if (image) {
        echo "image: ${image}"
    }
    return image
}

/** Ends the step where a setting would do harm: a secret in a pipeline's text is one no more. */
private void refuse(String command, Map inputs) {
    if (!(command in ['build', 'publish', 'promote'])) {
        error("multiarchBuild: command \"${command}\" is none; write build, publish or promote")
    }
    for (name in ['password', 'registryAuth', 'githubToken', 'secrets']) {
        if (inputs[name]) {
            error("multiarchBuild: ${name} would show a secret in the pipeline; " +
                'name credentials in logins or secretCredentials instead')
        }
    }
}

/** Asks for the credentials; Jenkins hides their values in the log. */
private List bindings(Map logins, Map secrets) {
    List list = []
    for (id in logins.values()) {
        list << usernamePassword(credentialsId: id,
            usernameVariable: variableOf('USER', id), passwordVariable: variableOf('PASSWORD', id))
    }
    for (id in secrets.values()) {
        list << string(credentialsId: id, variable: variableOf('SECRET', id))
    }
    return list
}

private String variableOf(String kind, String id) {
    return 'MULTIARCH_' + kind + '_' + id.replaceAll('[^A-Za-z0-9]', '_').toUpperCase()
}

/** The logins as the program reads them, from the variables that the credentials were put into. */
private List authentication(Map logins) {
    String text = ''
    for (login in logins) {
        text += "- registry: ${quoted(login.key)}\n  username: ${quoted(env[variableOf('USER', login.value)])}\n" +
            "  password: ${quoted(env[variableOf('PASSWORD', login.value)])}\n"
    }
    return text ? ["MULTIARCH_REGISTRY_AUTH=${text}"] : []
}

/** A text in YAML's single quotes. */
private String quoted(String text) {
    return "'" + text.replace("'", "''") + "'"
}

private List secretVariables(Map secrets) {
    List list = []
    for (secret in secrets) {
        list << "${secret.key}=${variableOf('SECRET', secret.value)}"
    }
    return list
}

/** Settings as variables of the program: buildArgs is MULTIARCH_BUILD_ARGS. */
private List variables(Map inputs) {
    List list = []
    for (input in inputs) {
        List lines = asLines(input.value)
        if (lines) {
            String name = input.key.replaceAll('([A-Z])', '_$1').replace('-', '_').toUpperCase()
            list << "MULTIARCH_${name}=${lines.join('\n')}"
        }
    }
    return list
}

private List asLines(Object value) {
    if (value == null) {
        return []
    }
    List list = []
    if (value instanceof Map) {
        for (entry in value) {
            list << "${entry.key}=${entry.value}"
        }
        return list
    }
    for (item in (value instanceof List ? value : [value])) {
        list << "${item}"
    }
    return list
}
