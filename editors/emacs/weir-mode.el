;;; weir-mode.el --- Weir flows in Emacs -*- lexical-binding: t; -*-

;; Emacs 28 and newer, with eglot (built in since 29). Load this file, then open a `.flow` file and say `M-x eglot`.

;;; Code:

(defvar weir-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?/ ". 12" table)
    (modify-syntax-entry ?\n ">" table)
    (modify-syntax-entry ?_ "w" table)
    (modify-syntax-entry ?` "\"" table)
    table)
  "Comments, texts and names.")

(defconst weir-mode-words
  (regexp-opt
   '("use" "const" "type" "tool" "policy" "campaign" "test"
     "coordinator" "aggregator" "enricher" "transformer" "validator" "router" "executor" "saga" "delivery"
     "scheduler" "archiver" "monitor" "agent"
     "if" "then" "else" "match" "for" "in" "and" "or" "not" "matches" "as" "return" "yield" "require" "check"
     "fail" "block" "wait" "ask" "receive" "repeat" "start"
     "can" "undo" "final" "retry" "timeout" "catch" "fallback" "optional" "key" "until" "with")
   'symbols)
  "The words of the language.")

;;;###autoload
(define-derived-mode weir-mode prog-mode "Weir"
  "Flows."
  (setq-local comment-start "// ")
  (setq-local comment-end "")
  (setq-local indent-tabs-mode nil)
  (setq-local tab-width 2)
  (setq-local font-lock-defaults
              `(((,weir-mode-words . font-lock-keyword-face)
                 ("\\_<[A-Z][A-Za-z0-9_]*\\_>" . font-lock-type-face)
                 ("\\_<\\(true\\|false\\|null\\)\\_>" . font-lock-constant-face)))))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.flow\\'" . weir-mode))

(with-eval-after-load 'project
  (add-hook 'project-find-functions
            (lambda (folder)
              (let ((root (locate-dominating-file folder "weir.toml")))
                (and root (cons 'transient root))))))

(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs '(weir-mode . ("weir" "lsp"))))

(provide 'weir-mode)
;;; weir-mode.el ends here
