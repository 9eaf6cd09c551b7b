//! What `deploy/` offers is well-formed and gives the daemon no more rights than it needs.

use crate::support::engines::has;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// The documents of a file of Kubernetes', read by the Python that moto runs on.
fn manifests(name: &str) -> Vec<Value> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/moto/bin/python");
    let script = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let output = Command::new(python).args(["-c", script]).arg(deploy().join("kubernetes").join(name)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn of_kind<'a>(all: &'a [Value], kind: &str) -> &'a Value {
    all.iter().find(|one| one["kind"] == kind).unwrap_or_else(|| panic!("there is no {kind}"))
}

/// What every pod has: no user with rights, nothing that can be written but the project, and an end that drains.
fn is_hardened(pod: &Value) {
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > 15 * 60);
    let containers = pod["containers"].as_array().unwrap();
    let volumes: Vec<&Value> = pod["volumes"].as_array().unwrap().iter().map(|volume| &volume["name"]).collect();
    for container in containers {
        let rights = &container["securityContext"];
        assert_eq!((&rights["allowPrivilegeEscalation"], &rights["readOnlyRootFilesystem"]), (&false.into(), &true.into()));
        assert_eq!(rights["capabilities"]["drop"], serde_json::json!(["ALL"]));
        assert!(container["resources"]["limits"]["memory"].is_string());
        assert!(container["volumeMounts"].as_array().unwrap().iter().all(|mount| volumes.contains(&&mount["name"])));
    }
}

#[test]
fn the_deployment_runs_one_daemon_without_rights() {
    let all = manifests("daemon.yaml");
    let deployment = of_kind(&all, "Deployment");
    assert_eq!((&deployment["spec"]["replicas"], &deployment["spec"]["strategy"]["type"]), (&1.into(), &"Recreate".into()));
    let template = &deployment["spec"]["template"];
    assert_eq!(deployment["spec"]["selector"]["matchLabels"], template["metadata"]["labels"]);
    is_hardened(&template["spec"]);
    assert_eq!(template["spec"]["containers"][0]["args"][0], "daemon");
    let claim = &of_kind(&all, "PersistentVolumeClaim")["metadata"]["name"];
    assert!(template["spec"]["volumes"].as_array().unwrap().iter().any(|volume| volume["persistentVolumeClaim"]["claimName"] == *claim));
    assert_eq!(template["spec"]["serviceAccountName"], of_kind(&all, "ServiceAccount")["metadata"]["name"]);
}

#[test]
fn the_cron_job_looks_once_and_never_twice_at_a_time() {
    let all = manifests("cronjob.yaml");
    let job = of_kind(&all, "CronJob");
    assert_eq!(job["spec"]["concurrencyPolicy"], "Forbid");
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    is_hardened(pod);
    assert_eq!(pod["restartPolicy"], "Never");
    assert_eq!(pod["containers"][0]["args"], serde_json::json!(["daemon", "--once", "/project/config.toml"]));
}

#[test]
fn the_unit_is_one_that_systemd_takes_and_calls_safe() {
    if !has(&["systemd-analyze"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // It is looked whether the program is there.
    let unit = std::fs::read_to_string(deploy().join("systemd/lambdo-daemon.service")).unwrap();
    let unit = unit.replace("/usr/local/bin/lambdo", env!("CARGO_BIN_EXE_lambdo"));
    let file = folder.path().join("lambdo-daemon.service");
    std::fs::write(&file, unit).unwrap();
    let analyze = |words: &[&str]| Command::new("systemd-analyze").args(words).arg(&file).output().unwrap();
    let verified = analyze(&["verify", "--man=no"]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("lambdo-daemon")).collect();
    assert!(verified.status.success() && ours.is_empty(), "{said}");
    // Up to 2.0 out of 10 it says `OK`.
    let judged = analyze(&["security", "--offline=true", "--threshold=20", "--no-pager"]);
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}

#[test]
fn the_image_has_no_user_with_rights_and_starts_the_daemon() {
    if !has(&["buildah"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lambdo"), crate::support::static_program()).unwrap();
    let root = folder.path().join("storage");
    let buildah = |words: &[&str]| {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(root.join("root")).arg("--runroot").arg(root.join("run")).args(["--storage-driver", "vfs"]);
        let output = command.args(words).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let dockerfile = deploy().join("docker/Dockerfile");
    buildah(&["build", "--build-arg", "BASE=scratch", "-f", dockerfile.to_str().unwrap(), "-t", "lambdo", "."]);
    let image: Value = serde_json::from_str(&buildah(&["inspect", "--type", "image", "lambdo"])).unwrap();
    let config = &image["OCIv1"]["config"];
    assert_eq!((&config["User"], &config["StopSignal"]), (&"65532:65532".into(), &"SIGTERM".into()), "{config:#}");
    assert_eq!((&config["Entrypoint"][0], &config["Cmd"][0]), (&"/usr/local/bin/lambdo".into(), &"daemon".into()));
}
