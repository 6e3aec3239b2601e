//! Tenants, their accounts, and what they connect.

use std::process::Output;

use serde_json::Value;
use simulator::{CrmKind, WorkspaceSpec};

use super::Stand;

impl Stand {
    /// Adds a tenant with a workspace of the same name.
    pub async fn tenant(&self, spec: WorkspaceSpec) {
        let id = spec.name.clone();
        self.world().add_workspace(spec).expect("a workspace");
        self.tenant_of(&id, &id).await;
    }

    /// Adds a tenant that owns the domains of a workspace.
    async fn tenant_of(&self, id: &str, workspace: &str) {
        let mut args = vec!["tenant", "add", id, "--name", id];
        let domains = self.world().own_domains(workspace).expect("own domains");
        for domain in &domains {
            args.extend(["--domain", domain]);
        }
        self.ok(&args).await;
    }

    /// Imports the accounts of the tenant's workspace.
    pub async fn accounts(&self, id: &str) {
        self.accounts_of(id, id).await;
    }

    async fn accounts_of(&self, id: &str, workspace: &str) {
        let (accounts, contacts) =
            (self.path(&format!("{id}-accounts.csv")), self.path(&format!("{id}-contacts.csv")));
        std::fs::write(&accounts, self.world().accounts_csv(workspace).expect("accounts")).expect("a file");
        std::fs::write(&contacts, self.world().contacts_csv(workspace).expect("contacts")).expect("a file");
        let (accounts, contacts) = (accounts.display().to_string(), contacts.display().to_string());
        self.ok(&["accounts", "import", "--tenant", id, &accounts, "--contacts", &contacts]).await;
    }

    /// Connects the tenant's workspace with a key and more options; returns the connection's id.
    pub async fn connect(&self, id: &str, key: &str, options: &[&str]) -> String {
        let base = self.base_url();
        let mut args =
            vec!["connect", "attention", "--tenant", id, "--base-url", &base, "--allow-http", "--json"];
        if !options.contains(&"--requests-per-second") {
            args.extend(["--requests-per-second", "500", "--in-flight", "8"]);
        }
        if !options.contains(&"--interval-s") {
            args.extend(["--interval-s", "86400"]);
        }
        args.extend(options);
        let output = self.run_with_input(&args, key).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "connect failed: {error}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        report["connection"].as_str().expect("an id").to_owned()
    }

    /// How HubSpot is connected.
    pub fn hubspot_args(&self, id: &str, options: &[&str]) -> Vec<&'static str> {
        let base = self.simulator.hubspot_url();
        let mut args: Vec<String> =
            ["connect", "hubspot", "--tenant", id, "--base-url", &base, "--allow-http", "--json"]
                .map(str::to_owned)
                .to_vec();
        if !options.contains(&"--interval-s") {
            args.extend(["--interval-s", "86400"].map(str::to_owned));
        }
        if !options.contains(&"--requests-per-second") {
            args.extend(["--requests-per-second", "500", "--in-flight", "8"].map(str::to_owned));
        }
        args.extend(options.iter().map(|option| (*option).to_owned()));
        args.into_iter().map(|arg| &*arg.leak()).collect()
    }

    /// Connects the HubSpot portal of the tenant's workspace; returns the command's report.
    pub async fn connect_hubspot(&self, id: &str, options: &[&str]) -> Value {
        self.connect_hubspot_of(id, id, options).await
    }

    async fn connect_hubspot_of(&self, id: &str, workspace: &str, options: &[&str]) -> Value {
        let token = self.world().hubspot_token(workspace).expect("a token");
        let output = self.run_with_input(&self.hubspot_args(id, options), &token).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "connect failed: {error}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// How Salesforce is connected.
    pub fn salesforce_args(&self, id: &str, options: &[&str]) -> Vec<&'static str> {
        let base = self.simulator.salesforce_url();
        let mut args: Vec<String> =
            ["connect", "salesforce", "--tenant", id, "--base-url", &base, "--allow-http", "--json"]
                .map(str::to_owned)
                .to_vec();
        args.extend(
            ["--requests-per-second", "500", "--in-flight", "8", "--interval-s", "86400"].map(str::to_owned),
        );
        args.extend(options.iter().map(|option| (*option).to_owned()));
        args.into_iter().map(|arg| &*arg.leak()).collect()
    }

    /// Connects the Salesforce organization of the tenant's workspace; returns the command's report.
    pub async fn connect_salesforce(&self, id: &str, options: &[&str]) -> Value {
        let token = self.world().salesforce_token(id).expect("a token");
        let output = self.run_with_input(&self.salesforce_args(id, options), &token).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "connect failed: {error}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// A tenant with accounts and a connection.
    pub async fn connected(&self, spec: WorkspaceSpec, options: &[&str]) -> String {
        let (id, key) = (spec.name.clone(), spec.key.clone());
        self.tenant(spec).await;
        self.accounts(&id).await;
        self.connect(&id, &key, options).await
    }

    /// What another tenant exports that connects the same workspace only now, with nothing in its way.
    pub async fn undisturbed(&self, workspace: &str) -> Vec<Value> {
        let twin = self.twin(workspace).await;
        self.idle().await;
        self.export(&twin).await
    }

    /// Another tenant that connects the same workspace, and has the same accounts: from HubSpot if that is the workspace's CRM.
    pub async fn twin(&self, workspace: &str) -> String {
        let twin = format!("{workspace}-twin");
        let spec = self.world().spec(workspace).expect("a workspace");
        self.tenant_of(&twin, workspace).await;
        if spec.crm == CrmKind::HubSpot {
            self.connect_hubspot_of(&twin, workspace, &[]).await;
        } else {
            self.accounts_of(&twin, workspace).await;
        }
        self.connect(&twin, &spec.key, &[]).await;
        twin
    }

    /// Connects the tenant's Gong by the workspace's access key, with more options; returns the connection's id.
    pub async fn connect_gong(&self, id: &str, options: &[&str]) -> String {
        self.connect_gong_of(id, id, options).await
    }

    /// The same with the access key of another workspace.
    pub async fn connect_gong_of(&self, id: &str, workspace: &str, options: &[&str]) -> String {
        let output = self.try_connect_gong_of(id, workspace, options).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "connect failed: {error}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        report["connection"].as_str().expect("an id").to_owned()
    }

    /// The same, whatever comes of it.
    pub async fn try_connect_gong(&self, id: &str, options: &[&str]) -> Output {
        self.try_connect_gong_of(id, id, options).await
    }

    /// Connects the second company that the workspace has at Gong.
    pub async fn connect_second_gong(&self, id: &str, options: &[&str]) {
        let gong = self.world().spec(id).expect("a workspace").gong;
        let output = self.give_gong(id, &format!("{}-2\n{}-2\n", gong.key, gong.secret), options).await;
        assert!(output.status.success(), "connect failed: {}", String::from_utf8_lossy(&output.stderr));
    }

    async fn try_connect_gong_of(&self, id: &str, workspace: &str, options: &[&str]) -> Output {
        let gong = self.world().spec(workspace).expect("a workspace").gong;
        self.give_gong(id, &format!("{}\n{}\n", gong.key, gong.secret), options).await
    }

    async fn give_gong(&self, id: &str, key_and_secret: &str, options: &[&str]) -> Output {
        let base = self.gong_url();
        let mut args = vec!["connect", "gong", "--tenant", id, "--base-url", &base, "--allow-http", "--json"];
        if !options.contains(&"--interval-s") {
            args.extend(["--interval-s", "86400"]);
        }
        args.extend(options);
        self.run_with_input(&args, key_and_secret).await
    }
}
