"""Raspberry Pis, and machines like them: a kubeadm cluster over SSH, with Ansible."""
